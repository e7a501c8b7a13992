"""Lines, positions and edits, as LSP counts them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlsight.text import (
    Change,
    Document,
    Edit,
    Encoding,
    Lines,
    OverlappingEdits,
    Position,
    Span,
    apply_edits,
    encoded,
)

TEXTS = st.text(alphabet="ab\r\n\f\v\u2028\u0085é\U0001f512", max_size=40)
ENCODINGS = st.sampled_from(Encoding)


def lines_of(text: str) -> list[str]:
    """The lines of a text by the three line ends of LSP, another way."""
    return re.split(r"\r\n|\n|\r", text)


def units(text: str, encoding: Encoding) -> int:
    """How many units a text has, another way."""
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding.value]
    return len(text.encode("utf-8" if width == 1 else f"{encoding.value}-le")) // width


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", [0]),
        ("a\nb", [0, 2]),
        ("a\r\nb\rc\n", [0, 3, 5, 7]),
        ("\r\r\n\n", [0, 1, 3, 4]),
        ("a\f\v\u2028\u2029\u0085b", [0]),
    ],
)
def test_lines_end_where_lsp_says(text: str, starts: list[int]) -> None:
    """CRLF, LF and CR, and nothing else."""
    assert starts == list(Lines.of(text.encode()).starts)


@given(TEXTS, ENCODINGS)
def test_every_character_has_the_position_that_the_protocol_gives_it(
    text: str, encoding: Encoding
) -> None:
    """Held against a second way of counting; and back again."""
    lines = Lines.of(text.encode())
    offset = 0
    for number, line in enumerate(lines_of(text)):
        for index in range(len(line) + 1):
            here = offset + len(line[:index].encode())
            position = Position(number, units(line[:index], encoding))
            assert position == lines.position(here, encoding)
            assert here == lines.offset(position, encoding)
        offset = here + len(re.match(r"\r\n|\n|\r|", text.encode()[here:].decode())[0])


@pytest.mark.parametrize("encoding", Encoding)
def test_positions_outside_the_text_are_moved_into_it(encoding: Encoding) -> None:
    """Beyond a line's end is the line's end, beyond the last line the end of the text."""
    lines = Lines.of(b"ab\r\ncd")

    assert 2 == lines.offset(Position(0, 99), encoding)
    assert 6 == lines.offset(Position(1, 99), encoding)
    assert 6 == lines.offset(Position(9, 0), encoding)
    assert Position(1, 2) == lines.position(99, encoding)
    assert Position(0, 0) == lines.position(-1, encoding)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_position_inside_a_character_is_moved_behind_it(encoding: Encoding) -> None:
    """No character is ever split, whatever a client counts."""
    data = "\U0001f512x".encode()
    inside = {"utf-8": 1, "utf-16": 1, "utf-32": 1}[encoding.value]

    assert 4 == Lines.of(data).offset(Position(0, inside), encoding)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain é", "plain é"), ("\ud83d\udd12", "\U0001f512"), ("a\ud83db", "a\ufffdb")],
)
def test_surrogates_are_paired_or_replaced_one_by_one(text: str, expected: str) -> None:
    """A client's string may hold halves of characters, which UTF-8 cannot."""
    assert expected.encode() == encoded(text)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 45), st.integers(0, 9), TEXTS)), ENCODINGS)
def test_incremental_changes_equal_the_same_changes_by_hand(
    text: str, edits: list[tuple[int, int, str]], encoding: Encoding
) -> None:
    """Each change applies to the outcome of the one before, in any encoding."""
    document = Document("file:///a", 1, text.encode())
    expected, changes = text, []
    for start, length, new in edits:
        start, end = min(start, len(expected)), min(start + length, len(expected))
        if "\r\n" in (expected[start - 1 : start + 1], expected[end - 1 : end + 1]):
            continue  # no client points between the two
        lines = Lines.of(expected.encode())
        places = [
            lines.position(len(expected[:index].encode()), encoding) for index in (start, end)
        ]
        changes.append(Change(places[0], places[1], new))
        expected = expected[:start] + new + expected[end:]

    changed = document.changed(7, changes, encoding)
    assert expected == changed.data.decode()
    assert ("file:///a", 7) == (changed.uri, changed.version)


def test_a_change_without_a_range_is_the_whole_text() -> None:
    """And later changes of the same notification are of that text."""
    changes = [Change(None, None, "one\ntwo"), Change(Position(1, 0), Position(1, 3), "2")]

    assert b"one\n2" == Document("u", 1, b"old").changed(2, changes, Encoding.UTF16).data


def test_a_range_that_runs_backwards_is_empty() -> None:
    """A client's mistake does not lose text."""
    change = Change(Position(0, 3), Position(0, 1), "x")

    assert b"abcx" == Document("u", 1, b"abc").changed(2, [change], Encoding.UTF8).data


def test_edits_of_one_text_apply_together() -> None:
    """In any order; insertions at one place in the order given."""
    edits = [
        Edit(Span(4, 5), "E"),
        Edit(Span(0, 0), "<"),
        Edit(Span(0, 1), "A"),
        Edit(Span(5, 5), ">"),
    ]

    assert b"<AbcdE>" == apply_edits(b"abcde", edits)
    assert b"12abc" == apply_edits(b"abc", [Edit(Span(0, 0), "1"), Edit(Span(0, 0), "2")])


def test_edits_that_overlap_are_refused() -> None:
    """Their outcome would depend on their order."""
    with pytest.raises(OverlappingEdits, match="byte 1"):
        apply_edits(b"abc", [Edit(Span(0, 2), "x"), Edit(Span(1, 3), "y")])


def test_spans_hold_and_share_bytes() -> None:
    """Touching is not sharing."""
    assert Span(0, 3).contains(Span(1, 3)) and not Span(0, 3).contains(Span(1, 4))
    assert Span(0, 3).overlaps(Span(2, 9)) and not Span(0, 3).overlaps(Span(3, 9))
