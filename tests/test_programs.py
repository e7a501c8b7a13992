"""Whole programs in the shape that real ones have: right ones are silent, broken ones are not.

`programs/` holds the right versions, and beside each the ways to break it: a mutation takes texts
of the program, each of which is there once, for others, and names the rule that must see it.
A known miss has a `missing` that says why; it fails once it is one no longer.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.finding import Finding
from tlsight.rulebook import load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(file.name for file in PROGRAMS.iterdir() if file.suffix in (".c", ".cpp"))


class Mutation(NamedTuple):
    """One way to break one program."""

    program: str
    name: str
    rule: str
    changes: tuple[tuple[str, str], ...]
    missing: str

    def __str__(self) -> str:
        return f"{self.program}-{self.name.replace(' ', '-')}"


def mutations(program: str) -> list[Mutation]:
    """The ways to break a program."""
    data = tomllib.loads((PROGRAMS / program).with_suffix(".toml").read_text())
    return [
        Mutation(
            program,
            item["name"],
            item["rule"],
            tuple((change["old"], change["new"]) for change in item["change"]),
            item.get("missing", ""),
        )
        for item in data["mutation"]
    ]


@cache
def source(program: str) -> str:
    return (PROGRAMS / program).read_text()


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    """One that sees no header but those of the pages."""
    return Analyst(load(), Config(), None, tmp_path_factory.mktemp("cache"), lone=True)


def found(analyst: Analyst, program: str, text: str) -> tuple[Finding, ...]:
    """All findings; there is no excuse for not analysing a program of ours."""
    path = PROGRAMS / program
    report = analyst.final(path, text.encode())
    analyst.close(path)
    assert not report.unanalysed, report.unanalysed
    return report.findings


@pytest.mark.parametrize("program", NAMES)
def test_a_right_program_is_silent(analyst: Analyst, program: str) -> None:
    findings = found(analyst, program, source(program))
    assert [] == [f"{item.rule}: {item.message}" for item in findings]


@pytest.mark.parametrize("program", NAMES)
def test_every_program_is_broken_in_ten_ways(program: str) -> None:
    """In a dozen if it is one of DTLS."""
    names = [mutation.name for mutation in mutations(program)]
    assert len(set(names)) == len(names) >= (12 if "dtls" in program else 10)


@pytest.mark.parametrize("mutation", [item for name in NAMES for item in mutations(name)], ids=str)
def test_a_broken_program_is_not(analyst: Analyst, mutation: Mutation) -> None:
    """The rule that the mutation names sees it."""
    text = source(mutation.program)
    for old, new in mutation.changes:
        assert 1 == text.count(old), f"{text.count(old)} times: {old}"
        text = text.replace(old, new)
    rules = {item.rule for item in found(analyst, mutation.program, text)}
    if mutation.missing:
        assert mutation.rule not in rules, "it is found now: take the mark away"
    else:
        assert mutation.rule in rules, rules
