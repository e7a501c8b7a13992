"""The engine behind `kind = "secret"`, held against code as it is written: `secrets/README.md`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import pages
from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.rulebook import load

RULES = frozenset(
    {
        "callback-buffer-overflow",
        "compare-not-constant-time",
        "secret-logged",
        "secret-not-wiped",
        "weak-random",
        "wipe-may-vanish",
    }
)
_BLOCK = re.compile(r"^```(c|cpp)((?: [\w-]+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Case(NamedTuple):
    """A block of code, and the rules that find something in it."""

    language: str
    rules: frozenset[str]
    text: str


def cases() -> list[Case]:
    text = (Path(__file__).parent / "secrets" / "README.md").read_text()
    return [
        Case(language, frozenset(rules.split()), code)
        for language, rules, code in _BLOCK.findall(text)
    ]


@pytest.mark.parametrize("number", range(len(cases())))
@pytest.mark.parametrize("facts", [True, False], ids=["facts", "syntax"])
def test_what_is_found_is_what_the_block_says(number: int, facts: bool, tmp_path: Path) -> None:
    """No rule more, and none less."""
    case = cases()[number]
    path = tmp_path / f"case.{case.language}"
    path.write_text(case.text)
    analyst = pages.analyst()
    read = analyst.final if facts else analyst.first
    report = read(path, case.text.encode())
    analyst.close(path)

    assert case.rules == {item.rule for item in report.findings} & RULES, case.text


def test_a_function_of_many_branches_is_bounded(tmp_path: Path) -> None:
    """Each of its branches shows a secret and makes one: no question is asked anew."""
    lines = [
        f'if (m & {number}) {{ logger(1, "%s", password); key[{number % 32}] = rand(); }}'
        for number in range(500)
    ]
    body = "\n".join(lines)
    text = (
        "#include <stdlib.h>\n#include <string.h>\nvoid logger(int, const char *, ...);\n"
        "int large(unsigned m, const char *password) {\n"
        f"unsigned char key[32];\n{body}\nmemset(key, 0, sizeof(key));\nreturn 1;\n}}\n"
    )
    analyst = Analyst(load(), Config(), tmp_path, tmp_path / "cache", lone=True)
    report = analyst.first(tmp_path / "large.c", text.encode())

    found = [item.rule for item in report.findings if item.rule in RULES]
    assert 500 == found.count("secret-logged")
    assert 1 == found.count("weak-random")
    assert 1 == found.count("wipe-may-vanish")
