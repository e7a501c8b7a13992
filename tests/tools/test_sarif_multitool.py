"""Logs as Microsoft's own validator wants them, and as GitHub's code scanning takes them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kept import fetched, npm_install, npm_version, run

ROOT = Path(__file__).parents[2]
MULTITOOL = Path(__file__).parent / "sarif_multitool"

MEANT = {
    ("SARIF2005", "Warning_ProvideToolnformationUri"): "tlsight has no address on the web to name.",
}
"""Rules of the validator that are not followed, with the messages meant, and why."""

pytestmark = pytest.mark.tools


class Complaint(NamedTuple):
    """What the validator says against a log."""

    level: str
    rule: str
    message: str
    arguments: tuple[str, ...]


@pytest.fixture(scope="module")
def tool() -> Path:
    return _program(fetched("sarif", npm_version(MULTITOOL), _fetch))


def _fetch(folder: Path) -> None:
    npm_install(MULTITOOL, folder)
    _program(folder).chmod(0o755)


def _program(folder: Path) -> Path:
    """The program that npm has chosen for this system."""
    (found,) = (folder / "node_modules" / "@microsoft").glob("sarif-multitool-*/Sarif.Multitool")
    return found


def complaints(tool: Path, log: Path) -> list[Complaint]:
    """Effect: validates a log. The tool ends with 0 whatever it finds, so its own log is read."""
    told = log.with_suffix(".validated")
    rules = ("--rule-kind", "Sarif;Ghas", "--level", "Error;Warning")
    # It runs on systems that lack the library for other languages.
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    output = ("--output", str(told), "--log", "ForceOverwrite")
    said = run(log.parent, environment, str(tool), "validate", log.name, *rules, *output)
    (answer,) = json.loads(told.read_text(encoding="utf-8-sig"))["runs"]
    (invocation,) = answer["invocations"]

    assert "Done. 1 files scanned." in said
    assert invocation["executionSuccessful"], said
    assert not [key for key in invocation if key.endswith("Notifications")], said
    return [
        Complaint(
            result.get("level", "warning"),
            result["ruleId"],
            result["message"]["id"],
            tuple(result["message"]["arguments"]),
        )
        for result in answer["results"]
    ]


def unmeant(tool: Path, log: Path) -> list[Complaint]:
    """The complaints but for those about what is meant."""
    return [item for item in complaints(tool, log) if (item.rule, item.message) not in MEANT]


def checked(folder: Path, *arguments: str, status: int) -> Path:
    """Effect: the log of a check, which has to end with a status."""
    log = folder / "tlsight.sarif"
    options = ("--format", "sarif", "--output", str(log))
    done = subprocess.run(
        (sys.executable, "-m", "tlsight.cli", "check", *options, *arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert status == done.returncode, done.stderr
    return log


def results(log: Path) -> list[dict[str, Any]]:
    (told,) = json.loads(log.read_text())["runs"]
    found: list[dict[str, Any]] = told["results"]
    return found


def test_the_shipped_example(tool: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "examples", tmp_path / "examples")
    log = checked(tmp_path, "examples/", status=1)

    assert results(log)
    assert [] == unmeant(tool, log)


def test_everything_that_can_be_said(tool: Path, tmp_path: Path) -> None:
    """Suppressed, not analysed, without headers, not ASCII, not text, and not in the project."""
    log = checked(everything(tmp_path), ".", "../elsewhere.c", status=1)
    (told,) = json.loads(log.read_text())["runs"]
    said = [
        item["message"]["text"] for item in told["invocations"][0]["toolExecutionNotifications"]
    ]

    assert any(item.get("suppressions") for item in told["results"])
    assert any(item.get("relatedLocations") for item in told["results"])
    assert any(item.get("fixes") for item in told["results"])
    assert any("syntax error" in text for text in said)
    assert any("not text" in text for text in said)
    assert any("no_such_header.h" in text for text in said)
    assert any(item["location"]["uri"].startswith("file:///") for item in told["artifacts"])
    assert [] == unmeant(tool, log)


def test_nothing_found(tool: Path, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int f(void);\n")
    log = checked(tmp_path, "a.c", status=0)

    assert [] == results(log)
    assert [] == unmeant(tool, log)


def test_changed_lines(tool: Path, tmp_path: Path) -> None:
    folder = everything(tmp_path)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        run(folder, {**os.environ, **NOBODY}, "git", *command)
    with (folder / "größe 😀.c").open("a") as file:
        file.write("int again(EVP_MD_CTX *c) { return EVP_DigestInit(c, EVP_md5()) == 1; }\n")
    log = checked(folder, "--changed-since", "HEAD", ".", status=1)

    assert ["weak-hash"] == [item["ruleId"] for item in results(log)]
    assert [] == unmeant(tool, log)

    run(folder, {**os.environ, **NOBODY}, "git", "commit", "-q", "-a", "-m", "more")
    log = checked(folder, "--changed-since", "HEAD", ".", status=0)

    assert [] == unmeant(tool, log)


def test_a_broken_log_is_refused(tool: Path, tmp_path: Path) -> None:
    """The validator finds what it is there for: a wrong form, wrong numbers, GitHub's own rules."""
    shutil.copytree(ROOT / "tests" / "examples", tmp_path / "examples")
    log = checked(tmp_path, "examples/", status=1)
    document = json.loads(log.read_text())
    first, second, third, fourth, *_ = document["runs"][0]["results"]
    first["ruleIndex"] = 999
    del second["locations"]
    third["locations"][0]["physicalLocation"]["region"]["endLine"] = 1
    del fourth["message"]
    log.write_text(json.dumps(document))

    assert {"JSON1002"} == {item.rule for item in unmeant(tool, log)}

    fourth["message"] = {"text": "It is."}
    log.write_text(json.dumps(document))

    assert {"SARIF1007", "SARIF1009", "GH1015"} <= {item.rule for item in unmeant(tool, log)}
    with pytest.raises(AssertionError):
        complaints(tool, tmp_path / "none.sarif")


NOBODY: Mapping[str, str] = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
    },
}
"""Somebody who has no settings of git."""


def everything(tmp_path: Path) -> Path:
    """Effect: writes a folder of which a check has everything to say that it can say."""
    folder = tmp_path / "projekt ü"
    folder.mkdir()
    (tmp_path / "elsewhere.c").write_text(_CODE)
    (folder / "größe 😀.c").write_bytes(_CODE.replace("\n", "\r\n").encode())
    (folder / "binary.c").write_bytes(b"\0")
    (folder / "empty.c").write_bytes(b"")
    (folder / "unread.c").write_text(
        "int f(void)\n{\n    EACH(item) OF (list) DO if (}{ SSL_new(context);\n}\n"
    )
    return folder


_CODE = """\
#include <openssl/evp.h>
#include "no_such_header.h"

int größe(const void *data, size_t length)
{
    unsigned char digest[20]; /* 😀 */ unsigned int size;
    /* 😀 */ if (EVP_Digest(data, length, digest, &size, EVP_sha256(), NULL) != 1)
        return 0;
    // tlsight-ignore weak-hash: a test of „reasons“
    return EVP_Digest(data, length, digest, &size, EVP_md5(), NULL) == 1;
}
"""
