"""The code blocks of a property page as examples, with what their carets expect.

A caret line is a comment that says where the line above is wrong:

    f(ctx, OLD);
    //     ^^^ rule-id: beginning of the message

It is taken out of the text, so that offsets are those of the code alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tlsight.rule import Example, Expectation, Problem
from tlsight.rulebook.markdown import Fence, Page

LANGUAGES = ("c", "cpp")
KINDS = ("bad", "good", "fixed")
_REASONED = ("facts-only", "syntax-only")

_CARETS = re.compile(r"^\s*(?://|/\*)\s*(?P<carets>\^[\^.]*)(?P<rest>.*)$")
_RUN = re.compile(r"\^+|\^\.+\^")
_EXPECTATION = re.compile(
    r"(?:(?P<mark>missing|spurious):\s*)?(?P<rule>[a-z][a-z0-9-]*)(?::\s*(?P<message>.*))?"
)
_OPEN_END = "^...^"


class BadExample(ValueError):
    """What is wrong with a block, and at which line of the page."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_examples(
    page: Page, rule: str, libraries: Mapping[str, str]
) -> tuple[tuple[Example, ...], tuple[Problem, ...]]:
    """The examples of a property page; `libraries` maps titles of library pages to their ids."""
    examples: list[Example] = []
    problems: list[Problem] = []
    previous = ""
    for fence in page.fences:
        if fence.words[:1] == () or fence.words[0] not in LANGUAGES:
            continue
        try:
            example = _read(page, fence, rule, libraries, previous, problems)
        except BadExample as error:
            problems.append(Problem(page.place(error.line), str(error)))
            previous = fence.words[1] if len(fence.words) > 1 else ""
            continue
        previous = example.kind
        examples.append(example)
    return tuple(examples), tuple(problems)


def _read(
    page: Page,
    fence: Fence,
    rule: str,
    libraries: Mapping[str, str],
    previous: str,
    problems: list[Problem],
) -> Example:
    """An example. Wrong carets are reported and left out, so that the block can still be run."""
    language, *words = fence.words
    above = fence.line - 1
    if not words or words[0] not in KINDS:
        raise BadExample(above, f"a block of code is 'bad', 'good' or 'fixed': '{language} bad'")
    kind, *options = words
    if kind == "fixed" and previous not in ("bad", "fixed"):
        raise BadExample(above, "a 'fixed' block follows the 'bad' block that it mends")
    if fence.heading not in libraries:
        titles = ", ".join(f"'{title}'" for title in sorted(libraries))
        raise BadExample(above, f"'{fence.heading}' is the title of no library page: {titles}")
    text, expectations, wrong = _read_carets(fence, rule)
    if kind == "bad" and not expectations and not wrong:
        wrong = [BadExample(above, "a 'bad' block says by carets what is wrong with it")]
    if kind != "bad" and any(item.mark != "spurious" for item in expectations):
        message = f"a '{kind}' block has no findings but those marked 'spurious:'"
        wrong.append(BadExample(above, message))
    problems += (Problem(page.place(error.line), str(error)) for error in wrong)
    return Example(
        kind=kind,
        language=language,
        library=libraries[fence.heading],
        text=text,
        expectations=expectations,
        place=page.place(above),
        options=tuple(_option(word, kind, fence) for word in options),
    )


def _option(word: str, kind: str, fence: Fence) -> str:
    if word == "unproven" and kind == "bad":
        return word
    if word not in _REASONED:
        known = ", ".join(f"'{option}'" for option in ("unproven", *_REASONED))
        raise BadExample(fence.line - 1, f"unknown word '{word}'; after 'bad' may stand {known}")
    if not fence.after:
        raise BadExample(fence.line - 1, f"a sentence under the block says why it is '{word}'")
    return f"{word}:{fence.after}"


def _read_carets(fence: Fence, rule: str) -> tuple[str, tuple[Expectation, ...], list[BadExample]]:
    kept: list[str] = []
    found: list[tuple[int, int, re.Match[str]]] = []
    wrong: list[BadExample] = []
    for number, line in enumerate(fence.text.split("\n"), start=fence.line):
        carets = _CARETS.match(line)
        if carets is None:
            kept.append(line)
        elif kept:
            found.append((number, len(kept) - 1, carets))
        else:
            wrong.append(BadExample(number, "carets stand under a line of code"))
    text = "\n".join(kept)
    starts = [0]
    for line in kept:
        starts.append(starts[-1] + len(line) + 1)
    expectations: list[Expectation] = []
    for number, index, carets in found:
        try:
            expectations.append(
                _expectation(text, kept[index], starts[index], carets, number, rule)
            )
        except BadExample as error:
            wrong.append(error)
    return text, tuple(expectations), wrong


def _expectation(
    text: str, line: str, line_start: int, match: re.Match[str], place: int, rule: str
) -> Expectation:
    carets = match.group("carets")
    said = _EXPECTATION.fullmatch(match.group("rest").strip().removesuffix("*/").strip())
    if not _RUN.fullmatch(carets):
        raise BadExample(place, f"'{carets}' is neither '^^^' nor '^...^'")
    if said is None or (not said.group("message") and not said.group("mark")):
        raise BadExample(place, f"after carets stands '{rule}: beginning of the message'")
    if said.group("rule") != rule:
        raise BadExample(place, f"carets expect findings of this page's rule, '{rule}'")
    first = match.start("carets")
    start = line_start + first
    if first >= len(line) or not _starts(line, first):
        raise BadExample(place, "the carets start where nothing of the line above starts")
    if carets == _OPEN_END:
        end = _end_of_group(text, start)
    else:
        end = start + len(carets)
        last = first + len(carets)
        if last > len(line) or not _ends(line, last):
            raise BadExample(place, "the carets end where nothing of the line above ends")
    return Expectation(
        start=len(text[:start].encode()),
        end=len(text[:end].encode()),
        rule=rule,
        message=said.group("message") or "",
        mark=said.group("mark") or "",
    )


def _starts(line: str, column: int) -> bool:
    before, here = line[column - 1 : column], line[column]
    return not here.isspace() and not (_is_word(before) and _is_word(here))


def _ends(line: str, column: int) -> bool:
    last, after = line[column - 1], line[column : column + 1]
    return not last.isspace() and not (_is_word(last) and _is_word(after))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


_STRING = r"(?:u8|u|U|L)?\"(?:\\.|[^\"\\\n])*\""
_BLANK = r"(?:\s|//[^\n]*|/\*.*?\*/)*"
_STRINGS = re.compile(rf"{_STRING}(?:{_BLANK}{_STRING})*", re.DOTALL)
_TOKEN = re.compile(rf"{_STRING}|'(?:\\.|[^'\\\n])*'|//[^\n]*|/\*.*?\*/|.", re.DOTALL)


def _end_of_group(text: str, start: int) -> int:
    """The end of the string literal at `start` with all its parts, else of the first brackets."""
    strings = _STRINGS.match(text, start)
    if strings:
        return strings.end()
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token.group() in ("(", "[", "{"):
            depth += 1
        elif token.group() in (")", "]", "}"):
            depth -= 1
            if depth <= 0:
                return token.end()
        elif token.group() == ";" and depth == 0:
            return token.start()
    return len(text)
