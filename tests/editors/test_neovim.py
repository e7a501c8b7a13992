"""A real Neovim, headless, with the plug-in as it is shipped: of today, and an older one.

Each test plays a scenario of `nvim/drive.lua`, which tells what was seen on the way.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import features
import neovim_tools
import pytest

from kept import locked

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "editors" / "nvim"

DEFECT = """\
#include <QCryptographicHash>
#include "lost.h"

QByteArray certificateFingerprint(const QByteArray &data)
{
    /* \U0001f512\f */ return QCryptographicHash::hash(data, QCryptographicHash::Sha1);
}
"""

SAFE = """
#include <openssl/evp.h>

int verified(EVP_MD_CTX *context, const unsigned char *signature, unsigned long size)
{
    if (EVP_DigestVerifyFinal(context, signature, size))
        return 1;
    return 0;
}
"""

Play = Callable[..., Any]

DEADLINE = 300
"""Seconds. A scenario waits for one thing at most a fifth of it."""

pytestmark = pytest.mark.editor


@pytest.fixture(scope="session", params=["0.11", "0.10"])
def neovim(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """A command that starts a Neovim."""
    if request.param == "0.11":
        return neovim_tools.current()
    return neovim_tools.older()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.cpp").write_text(DEFECT)
    return folder


@pytest.fixture
def play(neovim: tuple[str, ...], folder: Path, tmp_path: Path) -> Play:
    """Plays a scenario, and gives what was seen."""
    command = tmp_path / "bin" / "tlsight"
    command.parent.mkdir()
    command.write_text(features.noted(tmp_path / "wire"))
    command.chmod(0o755)
    plugin = shutil.copytree(PLUGIN, tmp_path / "nvim")

    def played(scenario: str, name: str = "main.cpp", /, **options: object) -> Any:
        done = subprocess.run(
            [
                *(*neovim, "--headless", "-u", "NONE", "-i", "NONE", "-n"),
                *("-l", str(HERE / "nvim" / "drive.lua")),
                *(str(plugin), str(folder / name), scenario, json.dumps(options)),
            ],
            env={
                **os.environ,
                "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
                "CLANGD": str(Path(sys.executable).with_name("clangd")),
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return played


def test_a_lone_file_is_mended(play: Play, folder: Path) -> None:
    """Open the file, see the diagnostic, read its page, apply the quick fix, see it go."""
    seen = play("mend")

    assert (["weak-hash"], []) == (seen["before"], seen["after"])
    assert seen["hover"].startswith("**weak-hash**: hash uses QCryptographicHash::Sha1")
    assert "QCryptographicHash" in seen["hover"]
    assert DEFECT.replace("Sha1", "Sha256") == (folder / "main.cpp").read_text()


def test_the_configuration_of_today_is_enabled_by_its_name(play: Play, request: Any) -> None:
    """As Neovim 0.11 finds it on its own."""
    if request.node.callspec.params["neovim"] == "0.11":
        assert ["weak-hash"] == play("mend", enable=True)["before"]


def test_on_save_nothing_comes_before_the_save(play: Play) -> None:
    """And the status says that it is waited for."""
    seen = play("save", setup={"settings": {"tlsight": {"run": "save"}}})

    assert ["weak-hash"] == seen["before"] == seen["unsaved"]
    assert any("weak-protocol-version" in title for title in seen["offered"])
    assert "tlsight: 1 warning · degraded · as last saved" == seen["status"]
    assert ["weak-hash", "weak-protocol-version"] == seen["saved"]


def test_a_check_of_the_folder_fills_the_quickfix_list(play: Play, folder: Path) -> None:
    """With what was not analysed; and it can be stopped."""
    (folder / "tlsight.toml").touch()
    (folder / "other.cpp").write_text("void f(SSL *ssl) { SSL_set_verify(ssl, 0, 0); }\n")
    (folder / "unread.c").write_bytes(b"int a;\n\0")
    seen = play("check")

    assert [
        ["main.cpp", 6, 55, "W"],
        ["other.cpp", 1, 18, "N"],
        ["other.cpp", 1, 40, "E"],
        ["unread.c", 1, 0, "N"],
    ] == [item[:4] for item in seen["list"]]
    assert "not analysed: it is not text" in seen["list"][3][4]
    assert seen["open"]
    told = "checked 2 files beside those that are open: 1 error; not analysed: 2 places"
    assert told in seen["messages"]
    assert "tlsight: the check was stopped" in seen["messages"]


def test_commands_do_what_they_say(play: Play, folder: Path) -> None:
    """Explain, fix, status, restart; and what is unknown is told."""
    file = folder / "main.cpp"
    file.write_text(DEFECT + SAFE)
    seen = play("commands")

    assert ["check", "explain", "fix", "restart", "status"] == seen["words"]
    assert ["weak-hash"] == seen["rules"]
    assert seen["page"][0].startswith("# ")
    assert "markdown" == seen["filetype"]
    assert seen["status"].splitlines()[0].startswith("tlsight: 1 warning")
    assert "header not found: lost.h" in seen["status"]
    assert seen["restarted"]
    assert "mended 1 place" in seen["messages"]
    assert "there is nothing that can be mended safely" in seen["messages"]
    assert "there is no command 'nonsense'; there is check, explain, fix" in seen["messages"]
    assert ":Tlsight check" in seen["help"]


def test_the_health_check_says_what_there_is_and_what_lacks(play: Play, folder: Path) -> None:
    """With what to do about it."""
    (folder / "tlsight.toml").touch()
    health = play("health")["health"]

    assert "OK tlsight 0" in health
    assert f"a server runs for {folder}, with 1 buffer" in health
    assert re.search("main.cpp: tlsight: 1 warning .* degraded", health)
    assert f"OK project file: {folder}/tlsight.toml" in health
    assert "WARNING compile commands: files read: 1 by default flags" in health
    assert "let the build write compile_commands.json" in health


def test_the_health_check_says_that_the_program_is_not_there(play: Play) -> None:
    """And how to come by it."""
    health = play("lost", setup={"cmd": ["/nowhere/tlsight", "serve"]})["health"]

    assert "ERROR '/nowhere/tlsight' does not run" in health
    assert "pip install tlsight" in health
    assert "WARNING no server runs" in health


def test_nothing_is_shown_twice_with_clangd_beside_it(play: Play, folder: Path) -> None:
    """Each says what it knows, and both are there."""
    (folder / "main.cpp").write_text(DEFECT + "int one() { int unused = lost; return 1 }\n")
    seen = play("beside")

    for step in ("opened", "typed", "saved"):
        places = Counter((line, column, message) for _, line, column, _, message in seen[step])
        assert {1} == set(places.values()), seen[step]
        assert {"clang", "tlsight"} == {source for source, *_ in seen[step]}
    ours = sorted(code for source, _, _, code, _ in seen["saved"] if source == "tlsight")
    assert ["weak-hash", "weak-protocol-version"] == ours
    assert "QCryptographicHash" in seen["hover"]


def test_the_table_says_what_it_gets(
    play: Play, folder: Path, tmp_path: Path, shared: Path, request: pytest.FixtureRequest
) -> None:
    """As it was said on the wire."""
    (folder / "main.cpp").write_text(DEFECT + SAFE)
    play("tour")

    version = request.node.callspec.params["neovim"]
    with locked(shared):
        features.agree(f"Neovim {version}", tmp_path / "wire")
