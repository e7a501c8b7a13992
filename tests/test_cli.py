"""The command line as a shell sees it: output, messages, exit statuses. The analysis is a toy."""

from __future__ import annotations

import functools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import jsonschema
import pytest

import fake_worker
import tlsight
from tlsight.cli import check, fix, main, project, review
from tlsight.cli.main import parser
from tlsight.rulebook import load

PAGES = Path(__file__).parent / "pages"
SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, workers that find the word BAD, and three pages of rules."""
    monkeypatch.setenv("COLUMNS", "100")
    for module in (check.check, fix.fix, review.review):
        monkeypatch.setattr(module, "__defaults__", (fake_worker.COMMAND,))
    monkeypatch.setattr(project, "load", functools.partial(load, pages=PAGES))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def test_clean_code_is_status_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_text("fine\n")

    assert (0, "1 file checked: nothing found.\n", "") == _run(capsys, "check", "a.c")


def test_a_finding_is_status_1_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_text("x BAD\n")

    assert (
        1,
        "a.c:1:3: warning: BAD is bad [word-bad]\n"
        "    1 | x BAD\n"
        "      |   ^^^\n"
        "      = fix: Write OKAY\n"
        "    1 + x OKAY\n"
        "      = no fix: it cannot be done\n"
        "1 file checked: 1 warning; 1 with a fix.\n",
        "",
    ) == _run(capsys, "check", "a.c")


def test_answers_come_in_the_order_of_the_files_however_many_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(9):
        (folder / f"{number}.c").write_text("BAD\n" * (1 + (9 - number) % 3))
    _, one, _ = _run(capsys, "check", "-j", "1", ".")
    _, three, _ = _run(capsys, "check", "-j", "3", ".")

    assert one == three
    assert sorted(re.findall(r"^\d\.c", one, re.MULTILINE)) == re.findall(
        r"^\d\.c", one, re.MULTILINE
    )


def test_a_crash_costs_one_file_its_facts_and_the_others_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("DIE BAD\n")
    (folder / "b.c").write_text("BAD\n")
    (folder / "c.c").write_text("DIE\n")
    status, out, _ = _run(capsys, "check", "-j", "1", ".")

    assert 1 == status
    assert ["a.c:1:5:", "b.c:1:1:"] == re.findall(r"^\w\.c:\d:\d:", out, re.MULTILINE)
    assert ["a.c", "c.c"] == re.findall(r"^(\w\.c): not analysed:", out, re.MULTILINE)


def test_nothing_found_but_something_not_analysed_is_status_3(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("DIE\n")
    status, out, _ = _run(capsys, "check", "a.c")

    assert 3 == status
    assert "1 file checked: nothing found; not analysed: 1 place." == out.splitlines()[-1]


def test_what_is_not_analysed_can_be_allowed_and_is_still_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("DIE\n")
    _, refused, _ = _run(capsys, "check", "a.c")
    status, allowed, _ = _run(capsys, "check", "--allow-unanalysed", "a.c")
    _, log, _ = _run(capsys, "check", "--allow-unanalysed", "--format", "sarif", "a.c")

    assert (0, refused) == (status, allowed)
    assert 0 == json.loads(log)["runs"][0]["invocations"][0]["exitCode"]

    (folder / "a.c").write_text("BAD DIE\n")

    assert 1 == _run(capsys, "check", "--allow-unanalysed", "a.c")[0]


def test_a_file_in_a_folder_that_is_not_text_is_not_analysed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_bytes(b"\0")
    (folder / "b.c").write_bytes(b"")
    status, out, _ = _run(capsys, "check", ".")

    assert 3 == status
    assert out.startswith("a.c: not analysed: it is not text, or not in UTF-8")


def test_json_is_a_document_on_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_text("BAD\n")
    status, out, error = _run(capsys, "check", "--format", "json", "a.c")

    assert (1, "") == (status, error)
    assert ["a.c"] == [item["path"] for item in json.loads(out)["files"]]


def test_sarif_goes_to_a_file_and_is_valid(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("BAD\n")
    status, out, error = _run(capsys, "check", "--format", "sarif", "--output", "out.sarif", "a.c")
    log: dict[str, Any] = json.loads((folder / "out.sarif").read_text())

    jsonschema.validate(log, json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()))
    assert (1, "", "1 file checked: 1 warning; 1 with a fix.\n") == (status, out, error)
    assert 1 == log["runs"][0]["invocations"][0]["exitCode"]
    assert all(
        item["helpUri"].startswith("file:///") for item in log["runs"][0]["tool"]["driver"]["rules"]
    )


@pytest.mark.parametrize(
    ("text", "allowed", "status", "tone"),
    [
        ("fine", [], 0, "empty"),
        ("BAD", [], 1, "weak"),
        ("UNREAD", [], 3, "open"),
        ("UNREAD", ["--allow-unanalysed"], 0, "open"),
        ("DIE", [], 3, "open"),
        ("\0", [], 3, "open"),
    ],
)
def test_a_review_has_the_status_of_a_check(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    allowed: list[str],
    status: int,
    tone: str,
) -> None:
    (folder / "a.c").write_text(text)
    found, out, error = _run(capsys, "review", "--format", "json", *allowed, ".")

    assert (status, "") == (found, error)
    assert tone == json.loads(out)["verdict"]["tone"]


def test_a_review_of_several_files_is_one_document_in_three_forms(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("BAD\n")
    (folder / "b.c").write_text("x BAD\n")
    _, text, _ = _run(capsys, "review", ".")
    _, page, _ = _run(capsys, "review", "--format", "html", ".")
    status, out, error = _run(capsys, "review", "--format", "json", "--output", "out.json", ".")
    document = json.loads((folder / "out.json").read_text())

    assert "`a.c:1` · `word-bad`" in text and "`b.c:1` · `word-bad`" in text
    assert page.startswith("<!DOCTYPE html>") and "2 files" in page
    assert (1, "", "2 files checked: 2 warnings; 2 with a fix.\n") == (status, out, error)
    jsonschema.validate(document, json.loads((SCHEMAS / "review-1.json").read_text()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.c"], "'nowhere.c' does not exist; name a C or C++ file, or a folder"),
        (["--output", "no/out.md", "a.c"], "folder 'no' does not exist"),
        (["-p", "nowhere", "a.c"], "no compile_commands.json in 'nowhere'"),
        (["--policy", "none", "a.c"], "none"),
        (["binary.c"], "'binary.c': it is not text"),
    ],
)
def test_a_review_of_what_is_not_there_is_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (folder / "a.c").write_text("BAD\n")
    (folder / "binary.c").write_bytes(b"\0")
    status, out, error = _run(capsys, "review", *arguments)

    assert (2, "") == (status, out)
    assert error.startswith("tlsight: error: ") and message in error


def test_text_in_a_file_has_no_styles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_text("BAD\n")
    _, shown, _ = _run(capsys, "check", "a.c")
    _run(capsys, "check", "--output", "out.txt", "a.c")

    assert shown == (folder / "out.txt").read_text()


def test_a_threshold_leaves_out_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_text("BAD\n")

    assert (0, "1 file checked: nothing found.\n", "") == _run(
        capsys, "check", "--severity-threshold", "error", "a.c"
    )


def test_the_project_file_is_found_upwards(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.c").write_text("BAD\n")
    (folder / "sub" / "b.c").write_text("BAD\n")
    (folder / "tlsight.toml").write_text('exclude = ["b.c"]\n')
    _, out, _ = _run(capsys, "check", "sub")

    assert "1 file checked: 1 warning; 1 with a fix." == out.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy = [", "tlsight.toml:1: is not TOML: "),
        ("polcy = 'x'", "tlsight.toml:1: unknown option 'polcy'; the options are "),
        ("policy = 'none'", "none"),
        ("disable = ['no-such-rule']", "option 'disable': there is no rule 'no-such-rule'"),
        ("rules = ['nowhere']", "there is no such folder of rule pages"),
        ("build = 'nowhere'", "no compile_commands.json in "),
        ("severity = 'error'", "option 'severity': must be a table of rule = severity"),
    ],
)
def test_a_wrong_project_file_is_status_2_with_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (folder / "a.c").write_text("BAD\n")
    (folder / "tlsight.toml").write_text(text)
    status, out, error = _run(capsys, "check", "a.c")

    assert (2, "") == (status, out)
    assert error.startswith("tlsight: error: ") and message in error
    assert "Traceback" not in error


def test_a_project_file_that_is_no_utf8_is_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_text("BAD\n")
    (folder / "tlsight.toml").write_bytes(b"policy = '\xff'\n")

    assert (2, True) == _status_and_said(capsys, "is not UTF-8", "check", "a.c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "none.c"), "'none.c' does not exist"),
        (("check", "--policy", "none", "a.c"), "none"),
        (("check", "-p", "none", "a.c"), "no compile_commands.json in 'none'"),
        (("check", "--output", "none/x", "a.c"), "folder 'none' does not exist"),
        (("check", "binary.c"), "'binary.c': it is not text"),
        (("fix", "none.c"), "'none.c' does not exist"),
        (("explain", "no-such-rule"), "unknown rule 'no-such-rule'"),
        (("new", "rule", "Bad Name"), "'Bad Name' is no name for a page"),
        (("new", "rule", "nothing/x"), "'nothing' is no aspect; the aspects are "),
        (("serve", "--tcp", "host"), "'host' is no address; write PORT, or HOST:PORT"),
        (("serve", "--ws", "1:99999"), "'1:99999' is no address"),
    ],
)
def test_what_cannot_be_done_is_status_2_with_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    (folder / "a.c").write_text("BAD\n")
    (folder / "binary.c").write_bytes(b"\0")

    assert (2, True) == _status_and_said(capsys, message, *arguments)


def test_paths_of_two_projects_are_not_mixed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "a.c").write_text("BAD\n")
        (folder / name / "tlsight.toml").write_text("")

    assert (2, True) == _status_and_said(
        capsys, "the paths belong to different projects", "check", "one", "two"
    )


@pytest.mark.parametrize("arguments", [(), ("check",), ("check", "--format", "xml", "a.c")])
def test_usage_errors_are_status_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert 2 == raised.value.code
    assert capsys.readouterr().err.startswith("usage: tlsight")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--version"])

    assert (0, f"tlsight {tlsight.__version__}\n") == (
        raised.value.code,
        capsys.readouterr().out,
    )


def test_fix_writes_the_file_and_the_status_is_that_of_the_outcome(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_bytes(b"x BAD\r\nBAD")
    (folder / "b.c").write_bytes(b"fine")
    status, out, _ = _run(capsys, "fix", ".")

    assert b"x OKAY\r\nOKAY" == (folder / "a.c").read_bytes()
    assert (0, "a.c: mended with 2 edits\n2 files checked: nothing found.\n") == (status, out)


def test_fix_as_a_diff_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.c").write_bytes(b"x BAD\n")
    status, out, _ = _run(capsys, "fix", "--diff", "a.c")

    assert b"x BAD\n" == (folder / "a.c").read_bytes()
    assert (1, "--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-x BAD\n+x OKAY\n") == (status, out)


def test_a_file_that_cannot_be_analysed_is_not_touched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.c").write_bytes(b"DIE BAD\n")
    status, out, _ = _run(capsys, "fix", "a.c")

    assert b"DIE BAD\n" == (folder / "a.c").read_bytes()
    assert 1 == status
    assert "a.c: not analysed:" in out


def test_explain_shows_the_page_without_its_machine_part(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = _run(capsys, "explain", "word-bad")

    assert 0 == status
    assert out.startswith(
        "# word-bad\n\n*warning* · practice · CWE-710 · safe fix\n\n**BAD is bad.**"
    )
    assert "```toml" not in out


def test_an_unknown_rule_brings_up_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (2, True) == _status_and_said(
        capsys, "unknown rule 'wrod-bad'; did you mean 'word-bad'?", "explain", "wrod-bad"
    )


def test_rules_are_listed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        0,
        "rule      severity  aspect    fix   libraries  what is wrong\n"
        "word-bad  warning   practice  safe             BAD is bad.  \n",
        "",
    ) == _run(capsys, "rules")


def test_rules_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = _run(capsys, "rules", "--format", "json")

    assert (0, ["word-bad"]) == (status, [item["id"] for item in json.loads(out)["rules"]])


@pytest.mark.parametrize(
    ("kind", "name", "page"),
    [
        ("rule", "my-rule", "rules/practice/my-rule.md"),
        ("rule", "errors/my-rule", "rules/errors/my-rule.md"),
        ("library", "my-library", "rules/libraries/my-library.md"),
    ],
)
def test_a_new_page_loads_as_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str, page: str
) -> None:
    status, out, _ = _run(capsys, "new", kind, name)

    assert 0 == status
    assert f"{page}: written" in out
    assert 'rules = ["rules"]' in out

    (folder / "tlsight.toml").write_text('rules = ["rules"]\n')
    (folder / "a.c").write_text("fine\n")

    assert (0, "1 file checked: nothing found.\n", "") == _run(capsys, "check", "a.c")
    assert (2, True) == _status_and_said(capsys, "already", "new", kind, name)


def test_a_new_page_can_go_to_another_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, _ = _run(capsys, "new", "rule", "my-rule", "--folder", "own/pages")

    assert 0 == status
    assert (folder / "own" / "pages" / "practice" / "my-rule.md").is_file()


def test_a_closed_pipe_is_quiet(folder: Path) -> None:
    (folder / "a.c").write_text("BAD\n" * 2000)
    with subprocess.Popen(
        [*_PROGRAM, "check", "a.c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()

    assert (b"", 141) == (error, process.returncode)


def test_an_interrupt_is_quiet(folder: Path) -> None:
    gate = folder / "gate"
    os.mkfifo(gate)
    (folder / "a.c").write_text(f"GATE:{gate};")
    opened: queue.SimpleQueue[BinaryIO] = queue.SimpleQueue()
    with subprocess.Popen(
        [*_PROGRAM, "check", "a.c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # The pipe opens once the worker waits at its other end, and holds it there.
        threading.Thread(target=lambda: opened.put(gate.open("wb")), daemon=True).start()
        with opened.get(timeout=60):
            process.send_signal(signal.SIGINT)
            out, error = process.communicate()

    assert (b"", b"", 130) == (out, error, process.returncode)


def test_the_help_of_every_command_fits_a_terminal() -> None:
    text = parser().format_help()

    assert {"check", "review", "fix", "explain", "rules", "doctor", "new", "serve"} == set(
        re.findall(r"^    (\w+) ", text, re.MULTILINE)
    )


_PROGRAM = (
    sys.executable,
    "-c",
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    "import functools, pathlib, fake_worker; from tlsight.cli import check, main, project;"
    "check.check.__defaults__ = (fake_worker.COMMAND,);"
    "pages = pathlib.Path(fake_worker.__file__).parent / 'pages';"
    "project.load = functools.partial(project.load, pages=pages);"
    "sys.exit(main())",
    str(Path(__file__).parent),
)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    out, error = capsys.readouterr()
    return status, out, error


def _status_and_said(
    capsys: pytest.CaptureFixture[str], message: str, *arguments: str
) -> tuple[int, bool]:
    """The status, and whether the message and nothing but messages was said."""
    status, out, error = _run(capsys, *arguments)
    lines = error.splitlines()
    return status, not out and message in error and all(
        line.startswith("tlsight: error: ") for line in lines
    )
