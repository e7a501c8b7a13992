"""The shipped example as the README promises it, with the real analysis and the real pages."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tlsight.cli import main
from tlsight.cli.main import parser
from tlsight.rulebook import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The working folder is the repository's, and the cache is empty."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_it_has_findings_of_four_aspects_with_fixes(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", "--format", "json", "tests/examples"])
    found = [
        finding
        for file in json.loads(capsys.readouterr().out)["files"]
        for finding in file["findings"]
    ]
    aspects = {
        load().properties[finding["rule"]].aspect
        for finding in found
        if any(fix["edits"] for fix in finding["fixes"])
    }

    assert 1 == status
    assert len(aspects) >= 4


def test_the_capture_in_the_readme_is_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (capture,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    main(["check", "tests/examples"])
    shown = capsys.readouterr().out

    for part in capture.split("…\n"):
        assert part in shown


def test_the_readme_has_the_commands_that_are_run_from_nothing() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = [
        line
        for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
        if ".venv" in line
    ]

    assert [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/tlsight check "
        "tests/examples/",
        ".venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest",
    ] == commands
    for command in commands:
        assert command in script


def test_sarif_of_it_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--format", "sarif", "tests/examples"])
    schema = json.loads((ROOT / "tests" / "schemas" / "sarif-2.1.0.json").read_text())

    jsonschema.validate(json.loads(capsys.readouterr().out), schema)


def test_the_safe_fixes_leave_nothing_that_they_could_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "server.c"
    shutil.copy(ROOT / "tests" / "examples" / "server.c", file)
    main(["fix", str(file)])
    once = file.read_bytes()
    out = capsys.readouterr().out
    main(["fix", str(file)])

    assert once != (ROOT / "tests" / "examples" / "server.c").read_bytes()
    assert "mended with" in out
    assert once == file.read_bytes()


def test_every_command_of_the_readme_is_there() -> None:
    named = set(re.findall(r"^\| `tlsight (\w+)", README, re.MULTILINE))
    shown = subprocess.run(
        [sys.executable, "-m", "tlsight.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert set(re.findall(r"^    (\w+) ", shown, re.MULTILINE)) == named


def test_the_files_for_ci_are_yaml_and_their_commands_are_there() -> None:
    """The hook, the workflow for GitHub and the job for GitLab, each with what it runs."""
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    hook, workflow, job = map(yaml.safe_load, blocks)
    commands = [
        shlex.split(text)[1:] for text in _strings([workflow, job]) if text.startswith("tlsight ")
    ]
    parsed = [parser().parse_args(command) for command in commands]
    used = {item["id"] for repository in hook["repos"] for item in repository["hooks"]}

    assert [("sarif", "origin/$GITHUB_BASE_REF"), ("gitlab", None)] == [
        (options.format, options.changed_since) for options in parsed
    ]
    assert str(parsed[0].output) in _strings(workflow["jobs"]["tlsight"]["steps"][-1]["with"])
    assert str(parsed[1].output) == job["tlsight"]["artifacts"]["reports"]["codequality"]
    assert used <= {item["id"] for item in HOOKS}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_the_command_of_each_hook_is_there(hook: dict[str, Any]) -> None:
    program, *arguments = shlex.split(hook["entry"])
    options = parser().parse_args([*arguments, "a.c", "b.h"])

    assert "tlsight" == program
    assert ("check", True) == (options.command, options.allow_unanalysed)


def _strings(value: Any) -> Iterator[str]:
    """Every text in what a YAML file holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


@pytest.mark.parametrize("path", ["tests/examples", "tests/examples/server.c"])
def test_doctor_says_what_there_is(capsys: pytest.CaptureFixture[str], path: str) -> None:
    status = main(["doctor", path])
    out = capsys.readouterr().out

    assert 0 == status
    assert _LOOKED_AT == [
        name
        for name in re.findall(r"^[+-] ([\w -]+): ", out, re.MULTILINE)
        if not name.startswith("headers of")
    ]


def test_doctor_says_what_is_wrong_with_the_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "tlsight.toml").write_text("polcy = 'x'\n")
    status = main(["doctor", str(tmp_path)])

    assert 2 == status
    assert "unknown option 'polcy'" in capsys.readouterr().out


_LOOKED_AT = [
    "libclang",
    "built-in headers",
    "project file",
    "rules",
    "compile commands",
    "cache",
]
