"""A diff is what `patch` reads, whatever bytes the file holds."""

from __future__ import annotations

import pytest

from tlsight.finding import Safety, Severity
from tlsight.rule import Check, Property
from tlsight.views.diff import unified
from tlsight.views.page import documentation


def test_equal_texts_have_no_difference() -> None:
    assert b"" == unified("a.c", b"x\n", b"x\n")


def test_a_changed_line_stands_between_its_neighbours() -> None:
    assert b"--- a/src/a.c\n+++ b/src/a.c\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n" == unified(
        "src/a.c", b"one\ntwo\nthree\n", b"one\nTWO\nthree\n"
    )


def test_a_missing_line_end_is_said() -> None:
    assert (
        b"--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n"
        b"-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
    ) == unified("a.c", b"x", b"y")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\r\nb\r\nc", b"a\r\nB\r\nc"),
        (b"a\fb\n\xe2\x80\xa8c\nd\n", b"a\fb\n\xe2\x80\xa8C\nd\n"),
        (b"\xff\xfe x\nb\n", b"\xff\xfe y\nb\n"),
        (b"a\rb\nc\n", b"a\rB\nc\n"),
    ],
    ids=["carriage returns", "form feed", "no utf-8", "lone carriage return"],
)
def test_it_leads_from_the_old_text_to_the_new_one_to_the_letter(old: bytes, new: bytes) -> None:
    assert new == _patched(old, unified("a.c", old, new))


def test_the_documentation_of_a_rule_has_its_facts_in_place_of_the_machine_part() -> None:
    markdown = "# some-rule\n\n**Bad.**\n\n```toml\n[[check]]\n```\n\nWhy.\n\n```c bad\nf();\n```\n"
    rule = Property(
        "some-rule",
        "errors",
        "Bad.",
        "result",
        Severity.WARNING,
        (252, 253),
        (Check(roles=("r",)),),
        "",
        safety=Safety.SAFE,
        enabled=False,
        markdown=markdown,
    )

    assert (
        "# some-rule\n\n*warning* · errors · CWE-252 · CWE-253 · safe fix · off by default\n\n"
        "**Bad.**\n\nWhy.\n\n```c bad\nf();\n```\n"
    ) == documentation(rule)


def _patched(old: bytes, diff: bytes) -> bytes:
    """What `patch` makes of a text: lines end at line feeds alone."""
    lines, outcome, done = old.split(b"\n"), [], 0
    for line in diff.replace(b"\n\\ No newline at end of file", b"").split(b"\n")[2:-1]:
        if line.startswith(b"@@"):
            start = int(line.split()[1].split(b",")[0][1:]) - 1
            outcome += lines[done:start]
            done = start
        elif line.startswith(b"-"):
            assert lines[done] == line[1:]
            done += 1
        elif line.startswith(b"+"):
            outcome.append(line[1:])
        else:
            assert lines[done] == line[1:]
            outcome.append(lines[done])
            done += 1
    return b"\n".join([*outcome, *lines[done:]])
