"""What a project and an editor may set, and what is said when it is wrong."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlsight.config import OPTIONS, Config, configured, project, unknown_rules
from tlsight.finding import Severity

ROOT = Path(__file__).parent.parent


def test_every_option_can_be_set() -> None:
    """Each field is a key, with `-` for `_`."""
    text = b"""
policy = "mine"
run = "save"
build = "out"
rules = ["my-rules"]
enable = ["a"]
disable = ["b"]
prefixes = ["q_"]
exclude = ["third_party/"]
[severity]
a = "information"
"""
    config, problems = project(Config(), text, "tlsight.toml")

    assert () == problems
    assert Config(
        policy="mine",
        run="save",
        build="out",
        rules=("my-rules",),
        enable=("a",),
        disable=("b",),
        severity={"a": Severity.INFORMATION},
        prefixes=("q_",),
        exclude=("third_party/",),
    ) == replace(config, severity=dict(config.severity))


def test_later_settings_lie_over_earlier_ones() -> None:
    """What an editor does not say stays as the project has it."""
    config, _ = project(Config(), b"run = 'save'\npolicy = 'mine'", "tlsight.toml")
    config, _ = configured(config, {"run": "type"}, "editor")

    assert ("type", "mine") == (config.run, config.policy)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\npolcy = 'x'", 2, "unknown option 'polcy'"),
        ("run = 'never'", 1, "option 'run': must be one of type, save, not 'never'"),
        ("policy = 3", 1, "option 'policy': must be a string, not 3"),
        ("# c\nrules = 'x'", 2, "option 'rules': must be a list of strings, not 'x'"),
        ("rules = [1]", 1, "option 'rules': must be a list of strings"),
        ("severity = 'x'", 1, "option 'severity': must be a table of rule = severity"),
        ("\n\n[severity]\na = 'bad'", 3, "'a' must be one of error, warning, information"),
        ("[unknown.a]\nb = 1", 1, "unknown option 'unknown'"),
        ("run =", 1, "is not TOML"),
        ("x = 1\nx = 2\n", 2, "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_changes_nothing(
    text: str, line: int, message: str
) -> None:
    """The rest of the file still counts."""
    config, (problem,) = project(Config(), text.encode(), "tlsight.toml")

    assert Config() == config
    assert f"tlsight.toml:{line}" == problem.place
    assert message in problem.message


def test_a_file_that_is_not_utf8_is_told_with_its_line() -> None:
    """As any other mistake."""
    config, (problem,) = project(Config(), b"# \n# \xff\n", "tlsight.toml")

    assert (Config(), "tlsight.toml:2: is not UTF-8") == (config, str(problem))


def test_a_mistake_does_not_cost_the_other_options() -> None:
    """Each option stands for itself."""
    config, problems = project(Config(), b"rum = 1\nrun = 'save'", "tlsight.toml")

    assert ("save", 1) == (config.run, len(problems))


def test_rules_that_do_not_exist_are_told() -> None:
    """Wherever the settings name one."""
    config = Config(enable=("a", "x"), disable=("y",), severity={"z": Severity.ERROR, "a": "b"})

    assert [
        "here: option 'enable': there is no rule 'x'",
        "here: option 'disable': there is no rule 'y'",
        "here: option 'severity': there is no rule 'z'",
    ] == [str(problem) for problem in unknown_rules(config, {"a"}, "here")]


@pytest.mark.parametrize("values", [{}, {"severity": {"a": "error"}, "rules": ["b"]}])
def test_settings_cross_the_process_boundary(values: dict[str, Any]) -> None:
    """Pickled and equal."""
    config, _ = configured(Config(), values, "here")

    assert config == pickle.loads(pickle.dumps(config))


def test_the_help_of_neovim_lists_the_options_as_they_are() -> None:
    """Invariant 7 again, whatever the line breaks."""
    page = (ROOT / "editors" / "nvim" / "doc" / "tlsight.txt").read_text()
    words = " ".join(page.split())

    for name, text in OPTIONS.items():
        assert f" {name} {text} " in words


def test_the_editors_page_lists_the_options_as_they_are() -> None:
    """Invariant 7: what is written about options is what the code says."""
    page = (ROOT / "editors" / "README.md").read_text()

    for name, text in OPTIONS.items():
        assert f"| `{name}` | {text} |" in page
