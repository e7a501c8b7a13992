"""A review of two small files in which everything occurs that a review can hold."""

from __future__ import annotations

from dataclasses import replace

from tlsight.config import Config
from tlsight.finding import (
    Evidence,
    Finding,
    Fix,
    Related,
    Report,
    Safety,
    Severity,
    Suppression,
    Unanalysed,
)
from tlsight.rule import Binding, Check, Form, Library, Policy, Property, Rulebook, Slot
from tlsight.text import Edit, Span
from tlsight.views import Answer
from tlsight.views.review import Review, made

FIRST = """\
/* <script>alert("no")</script> & *stars* `ticks` */
#include "lost.h"

static int make(Cookie *cookie, int size) {
\tchar key[] = "größe 😀 \u202e";
\tif (!digest(cookie, SHA1, key, size))
\t\treturn 0;
\treturn keep(cookie,
\t            size);
}
int other(Cookie *c) { return old(c) + weak(1); }
"""
SECOND = f'int f(int n) {{ return send(n, "{"long " * 90}"); }}\n'

Spans = dict[str, Span]


def span(text: str, words: str) -> Span:
    """Where words stand in a text."""
    start = text.encode().index(words.encode())
    return Span(start, start + len(words.encode()))


def rule(name: str, aspect: str, role: str, title: str, enabled: bool = True) -> Property:
    """A rule that judges one role."""
    return Property(
        id=name,
        aspect=aspect,
        title=title,
        kind="argument",
        severity=Severity.ERROR,
        cwe=(),
        checks=(Check(roles=(role,)),),
        message="",
        enabled=enabled,
    )


RULES = (
    rule("weak-thing", "practice", "weak", "Something weak is used, as `weak(1)`."),
    rule("never-here", "practice", "never", "Nothing here is like it."),
    rule("not-judged", "practice", "keep", "What is kept is wrong."),
    rule("switched-off", "practice", "keep", "The project does not want to hear of it."),
    rule("dropped", "errors", "digest", "A result is dropped.", enabled=False),
    rule("cookie-weak", "cookie", "digest", "The cookie is made with something weak."),
    rule("too-small", "memory", "keep", "A buffer is too small."),
    rule("old-way", "integrity", "old", "It is done in the old way."),
    rule("length", "input", "read", "A length is not looked at."),
)
LIBRARY = Library(
    "toy",
    "Toy",
    bindings=tuple(
        Binding(name, (name,), (Form(f"{name}(x)", name, (Slot("x"),)),), "toy")
        for name in ("weak", "never", "digest", "keep", "old", "read")
    ),
    prefixes=("q_",),
)
RULEBOOK = Rulebook(
    {item.id: item for item in RULES},
    {"toy": LIBRARY},
    Policy("toy-policy", "Toy policy", {}, {}, {}),
)


def answers() -> tuple[Answer, ...]:
    """Two files: one with everything, one that has nothing but a long line."""
    weak, sha, call = (span(FIRST, words) for words in ("weak(1)", "SHA1", "digest(cookie"))
    mend = Fix("Switch to SHA256", (Edit(sha, "SHA256"),), Safety.SAFE)
    none = Fix("Ask", (), Safety.UNSAFE, withheld="nobody knows <what>")
    way = (Related(span(FIRST, "char key"), "key is made here"), Related(call, "here"))
    first = Report(
        findings=(
            Finding(
                "cookie-weak", "SHA1 *is* weak", sha, Severity.ERROR, "make", way, (mend, none)
            ),
            Finding(
                "weak-thing", "weak(1) is weak", weak, Severity.INFORMATION, "other", live=False
            ),
        ),
        evidence=(
            Evidence("dropped", "the result is tested", call, "make", (Related(sha, "here"),)),
            Evidence(
                "too-small",
                "its size is unknown",
                span(FIRST, "keep(cookie,\n\t            size)"),
                "make",
                holds=False,
            ),
            Evidence("weak-thing", "what decides it is elsewhere", weak, "other", holds=False),
        ),
        unanalysed=(Unanalysed("the text has a syntax error here", weak, "other"),),
        missing_headers=("lost.h",),
        suppressed=1,
        suppressions=(
            Suppression(
                Finding("old-way", "old is old", span(FIRST, "old(c)"), Severity.WARNING, "other"),
                "it was asked for",
            ),
        ),
    )
    return (
        Answer("src/first.c", "src/first.c", FIRST.encode(), first),
        Answer("src/second.cpp", "src/second.cpp", SECOND.encode(), Report()),
        Answer("third.c", "third.c", b"", Report(unanalysed=(Unanalysed("it is not text"),))),
    )


def long_review() -> Review:
    """The same, with a finding on the long line too."""
    first, second, third = answers()
    found = Finding("weak-thing", "it is long", span(SECOND, "send(n"), Severity.WARNING, "f")
    return review(first, replace(second, report=Report((found,))), third)


def review(*files: Answer) -> Review:
    """The review of these files, of all if none is given."""
    config = Config(disable=("switched-off",))
    return made(files or answers(), RULEBOOK, config, tool_version="9.9")
