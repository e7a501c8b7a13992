"""Policy pages as `rule.Policy`: thresholds, each with its clause."""

from __future__ import annotations

from collections.abc import Mapping

from tlsight.rule import Policy, Problem, SuiteVerdict, Threshold, Verdict
from tlsight.rulebook.markdown import Page
from tlsight.rulebook.table import Table, read_tables

LEVELS = ("forbidden", "discouraged")


def read_policy(name: str, page: Page) -> tuple[Policy, tuple[Problem, ...]]:
    """One policy; entries that are wrong are left out. Raises `TooManyProblems`."""
    table = read_tables(page)
    if page.title != name:
        table.problems.append(
            Problem(page.place(1), f"the title is '{page.title}' and not the file's name, '{name}'")
        )
    policy = Policy(
        id=name,
        title=page.summary.partition(":")[0] or page.title,
        judge={key: _judge(entry) for key, entry in table.tables_by_name("judge")},
        minimum={key: _minimum(entry) for key, entry in table.tables_by_name("minimum")},
        needs={key: _needs(entry) for key, entry in table.tables_by_name("needs")},
        suites=tuple(_suites(entry) for entry in table.tables("suites")),
        markdown=page.text,
        place=page.place(1),
    )
    table.end()
    return policy, tuple(table.problems)


def empty_policy(name: str) -> Policy:
    """A policy that forbids nothing, where no page can be read."""
    return Policy(id=name, title=name, judge={}, minimum={}, needs={})


def _judge(table: Table) -> Mapping[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for level in LEVELS:
        for meaning, clause in table.text_by_name(level).items():
            if meaning in verdicts:
                table.complain(f"'{meaning}' is forbidden already", level, meaning)
            verdicts.setdefault(meaning, Verdict(level, clause))
    table.end()
    return verdicts


def _minimum(table: Table) -> Threshold:
    threshold = Threshold(table.number("value"), _clause(table))
    if not table.has("value"):
        table.complain("'value' is missing")
    table.end()
    return threshold


def _needs(table: Table) -> tuple[tuple[str, ...], str]:
    needs = table.texts("any"), _clause(table)
    table.end()
    return needs


def _suites(table: Table) -> SuiteVerdict:
    level = table.text("level")
    if level not in LEVELS:
        table.complain(f"'level' is one of {', '.join(LEVELS)}", "level")
    verdict = SuiteVerdict(
        level, _clause(table), table.texts_by_name("attributes"), table.text("reason")
    )
    table.end()
    return verdict


def _clause(table: Table) -> str:
    clause = table.text("clause")
    if not clause:
        table.complain("'clause' says where the threshold comes from, and is missing")
    return clause
