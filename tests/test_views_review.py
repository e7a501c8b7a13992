"""A review says what the evidence says and nothing else, in the same words wherever it is read.

`TLSIGHT_WRITE=1 python -m pytest tests/test_views_review.py` writes the snapshots anew.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from reviewed import FIRST, RULEBOOK, answers, review, span
from tlsight.config import Config
from tlsight.finding import Evidence, Finding, Fix, Report, Safety, Severity, Unanalysed
from tlsight.text import Edit
from tlsight.views import Answer, review_html, review_json, review_markdown
from tlsight.views.review import NAMES, Review, Tone, made

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "schemas" / "review-1.json").read_text())


@pytest.mark.parametrize(
    ("name", "render"),
    [("review.md", review_markdown.render), ("review.json", review_json.render)],
)
def test_it_reads_as_it_was_last_read(name: str, render: object) -> None:
    assert callable(render)
    document, kept = render(review()), HERE / "snapshots" / name
    if os.environ.get("TLSIGHT_WRITE"):
        kept.write_text(document)

    assert kept.read_text() == document


def test_the_json_is_as_the_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for outcome in (review(), empty()):
        jsonschema.validate(json.loads(review_json.render(outcome)), SCHEMA)


def test_the_six_aspects_are_there_in_their_order_whatever_was_found() -> None:
    for outcome in (review(), empty()):
        assert list(NAMES) == [item.id for item in outcome.aspects]
        assert list(NAMES.values()) == re.findall(r"^## \d\. (.*)$", md(outcome), re.MULTILINE)


def test_each_rule_in_force_is_told_in_exactly_one_way() -> None:
    """Nothing is passed over in silence; one that judged something is not said to be absent."""
    told: list[str] = []
    for aspect in review().aspects:
        judged = {item.rule for item in (*aspect.wrong, *aspect.silenced)}
        judged |= {group.rule for group in (*aspect.holds, *aspect.undecided)}
        told += [*judged, *(item.rule for item in aspect.absent), *aspect.off]

    assert sorted(RULEBOOK.properties) == sorted(told)


def test_a_rule_without_a_subject_says_what_it_looks_for_or_where_that_is_named() -> None:
    practice = review().aspects[0]
    never, kept = practice.absent

    assert (("never",), None) == (never.names, never.named)
    assert kept.named is not None
    assert ("src/first.c:8", "keep is named here") == (kept.named.place.name, kept.named.message)


def test_names_count_with_the_prefixes_of_the_library() -> None:
    (named,) = {
        item.named.message
        for aspect in made(
            [Answer("a.c", "a.c", b"int q_read;", Report())], RULEBOOK, Config(), tool_version="1"
        ).aspects
        for item in aspect.absent
        if item.named
    }

    assert "q_read is named here" == named


@pytest.mark.parametrize(
    ("report", "tone"),
    [
        (Report((Finding("old-way", "m", span(FIRST, "old"), Severity.ERROR),)), Tone.UNSAFE),
        (Report((Finding("old-way", "m", span(FIRST, "old"), Severity.WARNING),)), Tone.WEAK),
        (Report((Finding("old-way", "m", span(FIRST, "old"), Severity.INFORMATION),)), Tone.NOTES),
        (Report(evidence=(Evidence("old-way", "m", span(FIRST, "old"), holds=False),)), Tone.OPEN),
        (Report(unanalysed=(Unanalysed("it is not text"),)), Tone.OPEN),
        (Report(evidence=(Evidence("old-way", "m", span(FIRST, "old")),)), Tone.CLEAR),
        (Report(), Tone.EMPTY),
    ],
)
def test_the_verdict_is_that_of_the_worst(report: Report, tone: Tone) -> None:
    outcome = review(Answer("a.c", "a.c", FIRST.encode(), report))

    assert tone is outcome.tone
    assert outcome.verdict in md(outcome)


def test_what_is_left_to_the_reader_is_what_stayed_open() -> None:
    """Each task has its reason and its places; where nothing stayed open, there is none."""
    tasks = review().tasks
    clear = Report(evidence=(Evidence("old-way", "m", span(FIRST, "old")),))
    only = replace(
        RULEBOOK,
        properties={"old-way": RULEBOOK.properties["old-way"]},
    )
    decided = made([Answer("a.c", "a.c", b"old", clear)], only, Config(), tool_version="1")

    assert [
        "Read these places of src/first.c yourself",
        "Read third.c yourself",
        "Judge whether it is so: Something weak is used, as `weak(1)`.",
        "Judge whether it is so: A buffer is too small.",
        "Ask whether this may stand: old is old",
        "Review again with a build (-p BUILD) that has the headers that were not found: lost.h",
        "Network data: look in the rest of the program, since its one rule had nothing to judge "
        "here",
    ] == [task.text for task in tasks]
    assert () == decided.tasks
    assert "Nothing: all that the rules speak of was read and decided." in md(decided)


def test_what_a_fix_leaves_as_it_is_is_not_shown_as_changed() -> None:
    text = "one(1);\ntwo(2);\n"
    fix = Fix("Add", (Edit(span(text, "one(1);"), "one(1);\nmore();"),), Safety.SAFE)
    report = Report((Finding("old-way", "m", span(text, "one"), Severity.ERROR, fixes=(fix,)),))
    outcome = review(Answer("a.c", "a.c", text.encode(), report))

    assert ((False, 2, "more();"),) == tuple(
        (line.old, line.number, line.text)
        for line in outcome.aspects[4].wrong[0].repairs[0].changes
    )


def test_an_id_stays_while_code_moves() -> None:
    first, *_ = answers()
    moved = b"\n\n" + first.data
    found = first.report.findings[0]
    later = replace(
        first,
        data=moved,
        report=Report((replace(found, span=span(moved.decode(), "SHA1"), related=(), fixes=()),)),
    )

    assert review(first).aspects[2].wrong[0].id == review(later).aspects[2].wrong[0].id


def test_nothing_that_a_file_holds_is_markup() -> None:
    page, text = review_html.render(review()), md(review())

    assert "<script" not in page and "&lt;script" not in page.split("<style>")[0]
    assert "nobody knows &lt;what&gt;" in page
    assert "SHA1 \\*is\\* weak" in text
    assert "\u202e" not in page + text and "U+202E" in page


def test_the_page_needs_nothing_else() -> None:
    """No script, no request; each link leads to a place in it, and each place is there once."""
    page = Parsed()
    page.feed(review_html.render(review()))

    assert not {"script", "link", "img", "iframe"} & page.tags
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in review_html.render(review())


def test_places_are_links_where_an_editor_can_follow_them() -> None:
    uri = "file:///w/a%20b's.c"
    report = Report((Finding("old-way", "m", span(FIRST, "old(c)"), Severity.ERROR),))
    outcome = review(Answer("a b's.c", uri, FIRST.encode(), report))

    assert 'href="file:///w/a%20b&#39;s.c#L11,31"' in review_html.render(outcome, linked=True)
    assert "file:///" not in review_html.render(outcome)


class Parsed(HTMLParser):
    """The tags, identifiers and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Effect: notes a tag."""
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def empty() -> Review:
    return made([], RULEBOOK, Config(), tool_version="1")


def md(outcome: Review) -> str:
    return review_markdown.render(outcome)
