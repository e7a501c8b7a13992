"""Runs the examples of the rule pages, for tests and for the authors of pages.

`python tests/pages.py RULE…` shows what is found in each block, in the notation of carets.
`python tests/pages.py --write` renews `tests/snapshots/`, to be reviewed, and the manual's index.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.finding import Finding, Fix
from tlsight.rule import Example, Expectation, Rulebook
from tlsight.rulebook import load
from tlsight.text import Edit, Lines, apply_edits

SNAPSHOTS = Path(__file__).parent / "snapshots"
MANUAL = Path(__file__).parent.parent / "rules" / "README.md"
INDEX = "## Index\n"


@dataclass(frozen=True)
class Block:
    """One example: the rule whose page it stands on, and which of its examples it is."""

    rule: str
    number: int

    def __str__(self) -> str:
        example = self.example
        return f"{self.rule}-{example.library}-{self.number}-{example.kind}"

    @property
    def example(self) -> Example:
        return self._examples[self.number]

    @property
    def data(self) -> bytes:
        return self.example.text.encode()

    @property
    def only(self) -> str:
        """'facts-only', 'syntax-only' or ''."""
        words = (word.partition(":")[0] for word in self.example.options)
        return next((word for word in words if word.endswith("-only")), "")

    @property
    def path(self) -> Path:
        return _folder() / f"{self.rule}-{self.number}.{self.example.language}"

    @property
    def fixed(self) -> tuple[Example, ...]:
        """The `fixed` blocks that follow this one."""
        following: list[Example] = []
        for example in self._examples[self.number + 1 :]:
            if example.kind != "fixed":
                break
            following.append(example)
        return tuple(following)

    @property
    def _examples(self) -> tuple[Example, ...]:
        return rulebook().properties[self.rule].examples


@cache
def rulebook() -> Rulebook:
    """The built-in pages."""
    return load()


@cache
def analyst() -> Analyst:
    """One that sees no header but those of the pages, with every rule turned on."""
    optional = tuple(rule.id for rule in rulebook().properties.values() if not rule.enabled)
    return Analyst(rulebook(), Config(enable=optional), _folder(), _folder() / "cache", lone=True)


def blocks(*kinds: str) -> list[Block]:
    """All examples of these kinds."""
    return [
        Block(rule.id, number)
        for rule in rulebook().properties.values()
        for number, example in enumerate(rule.examples)
        if example.kind in kinds
    ]


@cache
def found(block: Block, facts: bool) -> tuple[Finding, ...]:
    """What all rules say of a block: its own rule, and those that are on by default."""
    path = block.path if facts else block.path.with_stem(f"{block.path.stem}-syntax")
    path.write_bytes(block.data)
    report = analyst().final(path, block.data) if facts else analyst().first(path, block.data)
    if facts:
        analyst().close(path)
    properties = rulebook().properties
    return tuple(
        finding
        for finding in report.findings
        if finding.rule == block.rule or properties[finding.rule].enabled
    )


def own(block: Block, facts: bool) -> tuple[Finding, ...]:
    """What its own rule says of a block."""
    return tuple(finding for finding in found(block, facts) if finding.rule == block.rule)


def disagreement(block: Block, facts: bool) -> str:
    """How the findings of the block's own rule differ from its carets; '' if they do not."""
    lines = Lines.of(block.data)
    left = list(own(block, facts))
    said: list[str] = []
    for wanted in block.example.expectations:
        match = next((finding for finding in left if _fits(finding, wanted)), None)
        if match is not None:
            left.remove(match)
        if (match is None) != (wanted.mark == "missing"):
            verb = "not found" if match is None else "found, and marked as missing"
            text = block.data[wanted.start : wanted.end].decode()
            line = lines.position(wanted.start).line + 1
            said.append(f"line {line}: {verb}: '{text}': {wanted.message}")
    said += [f"not expected:\n{annotated(block.data, finding)}" for finding in left]
    return "\n".join(said)


def _fits(finding: Finding, wanted: Expectation) -> bool:
    return (
        finding.span.start == wanted.start
        and finding.span.end == wanted.end
        and finding.message.startswith(wanted.message)
    )


def fixes(block: Block, number: int) -> list[tuple[Finding, Fix]]:
    """The fix with this number of every finding of the block's own rule that has one."""
    return [
        (finding, finding.fixes[number])
        for finding in own(block, facts=block.only != "syntax-only")
        if len(finding.fixes) > number and finding.fixes[number].withheld is None
    ]


def mended(block: Block, number: int) -> str:
    """The block after the fixes with this number, all together."""
    edits: dict[Edit, None] = {}
    for _, fix in fixes(block, number):
        edits.update(dict.fromkeys(fix.edits))
    return apply_edits(block.data, edits).decode()


def others(rule: str) -> str:
    """What other rules say of the *bad* blocks of a page, as the text of its snapshot."""
    parts: list[str] = []
    for block in blocks("bad"):
        lines = [
            annotated(block.data, finding)
            for finding in (found(block, facts=True) if block.rule == rule else ())
            if finding.rule != rule
        ]
        if lines:
            parts.append(f"{block}\n" + "".join(f"{line}\n" for line in lines))
    return "\n".join(parts)


def index() -> str:
    """The last section of the manual: every rule, by aspect."""
    lines = [INDEX, "| rule | what is wrong | severity | CWE |", "|---|---|---|---|"]
    for rule in sorted(rulebook().properties.values(), key=lambda rule: (rule.aspect, rule.id)):
        link = f"[{rule.id}]({rule.aspect}/{rule.id}.md)"
        severity = rule.severity.value + ("" if rule.enabled else ", off by default")
        cwe = ", ".join(map(str, rule.cwe))
        lines.append(f"| {link} | {rule.title} | {severity} | {cwe} |")
    return "\n".join(lines) + "\n"


def annotated(data: bytes, finding: Finding) -> str:
    """The line of a finding with carets under it, as a page would have it."""
    lines = Lines.of(data)
    start, end = lines.position(finding.span.start), lines.position(finding.span.end)
    text = lines.line(start.line).decode(errors="replace")
    width = max(1, end.character - start.character)
    carets = "^" * width if start.line == end.line else "^...^"
    margin = "//".ljust(start.character)
    return f"{text}\n{margin}{carets} {finding.rule}: {finding.message}"


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tlsight-pages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def show(rules: list[str]) -> None:
    """Effect: print every block of these rules, what is found in it, and its fixes."""
    for block in blocks("bad", "good", "fixed"):
        if block.rule not in rules:
            continue
        sys.stdout.write(f"\n=== {block.example.place}: {block}\n")
        for facts in (True, False):
            reader = "with facts" if facts else "by syntax"
            for finding in found(block, facts):
                sys.stdout.write(f"{reader}:\n{annotated(block.data, finding)}\n")
            wrong = disagreement(block, facts) if facts or block.only != "facts-only" else ""
            sys.stdout.write(f"{reader}, WRONG: {wrong}\n" if wrong else "")
        for finding, fix in fixes(block, 0):
            proof = analyst().prove(block.path, block.data, finding, fix)
            sys.stdout.write(f"{fix.title} ({proof.value}):\n{mended(block, 0)}\n")


def write() -> None:
    """Effect: renew the snapshots and the index."""
    manual = MANUAL.read_text().partition(INDEX)[0]
    MANUAL.write_text(manual + index())
    SNAPSHOTS.mkdir(exist_ok=True)
    for rule in rulebook().properties:
        file, text = SNAPSHOTS / f"{rule}.txt", others(rule)
        if text:
            file.write_text(text)
        else:
            file.unlink(missing_ok=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        show(sys.argv[1:] or list(rulebook().properties))
