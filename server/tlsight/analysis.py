"""From a text to a report: the two readers, the engines, and the proof of fixes.

An `Analyst` keeps what one text's reading can lend to the next: its tree, its module, clang's
session and the facts at hand. The worker, the command line and the tests call it alike.
It knows no editor, no terminal and no library's name.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tlsight.carry import by_body, carried, merged, read_before
from tlsight.clang import HEADERS, ClangFailed, HeaderIndex, Session, find_command, language_of
from tlsight.config import Config
from tlsight.engine import (
    Index,
    Standing,
    Unit,
    build,
    described,
    judged,
    known_names,
    suppressed,
    unread,
)
from tlsight.facts import NO_FACTS, Facts
from tlsight.finding import (
    Finding,
    Fix,
    Portrait,
    Proof,
    Report,
    Safety,
    Unanalysed,
)
from tlsight.ir import Declarations, Module
from tlsight.pages import combined, include_folders, page_declarations, page_headers, page_hints
from tlsight.rule import Rulebook
from tlsight.standing import standing
from tlsight.suite_table import suite_table
from tlsight.syntax import Hints, Tree, declarations, parse, read
from tlsight.text import Edit, OverlappingEdits, Span, apply_edits

log = logging.getLogger(__name__)

_V = TypeVar("_V")

_HEADERS_READ = 64
"""Workspace headers that syntax reads for one file, at most."""
_HEADER_BYTES = 1_000_000


@dataclass
class _Open:
    """What is kept for one file. `lock` guards all of it but the session."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    reading: threading.Lock = field(default_factory=threading.Lock)
    """Held while clang reads: one reading at a time."""
    tree: Tree | None = None
    module: Module | None = None
    data: bytes = b""
    facts: Facts = NO_FACTS
    facts_data: bytes = b""
    """The text that `facts` are about."""
    outside: bytes | None = None
    """What of it stood outside bodies: with another one, everything is read again."""
    judged: tuple[Unit, tuple[Finding, ...]] | None = None
    """The last unit that was judged, and what was found in it."""
    retired: deque[Unit] = field(default_factory=deque)
    """Those before it, of which a portrait may be under way."""
    session: Session | None = None
    hints: Hints | None = None
    indexed: bool = False
    """Whether `hints` were made when the folder's headers were known."""
    problems: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit | None:
        """The last that was judged, with all that was found out about it."""
        return self.judged[0] if self.judged is not None else None

    def succeeded_by(self, unit: Unit, report: Report) -> None:
        """Effect: another unit is the last that was judged."""
        before = self.unit
        self.judged = unit, (*report.findings, *(item.finding for item in report.suppressions))
        if before is not None:
            self.retired.append(before)


class Analyst:
    """Analyses texts by one rulebook. `first` may run on another thread than everything else."""

    def __init__(
        self,
        rulebook: Rulebook,
        config: Config,
        root: Path | None,
        cache: Path,
        *,
        lone: bool = False,
    ) -> None:
        self.rulebook = rulebook
        self.config = config
        self.root = root
        self.lone = lone
        """Whether only the pages' declarations count as headers, never installed ones."""
        self._cache = cache
        self._open: dict[Path, _Open] = {}
        self._headers_read: dict[bytes, Declarations] = {}
        self._header_index: HeaderIndex | None = None
        self._headers = page_headers(rulebook)
        self._page_hints = page_hints(rulebook)
        self._pages = page_declarations(rulebook, cache)
        self.index: Index = build(rulebook, [self._pages], config.prefixes)

    def first(self, path: Path, data: bytes) -> Report:
        """The answer that waits for nothing: syntax, with the facts at hand.

        What an edit cannot reach is not judged again (`standing`).
        """
        state = self._state(path)
        with state.lock:
            facts = carried(state.facts, state.facts_data, data)
            unit = self._unit(path, state, data, facts)
            before = state.judged
        stands = standing(*before, unit) if before is not None else None
        report = self._report(unit, final=False, problems=(), stands=stands)
        state.succeeded_by(unit, report)
        return report

    def final(self, path: Path, data: bytes, evidence: bool = False) -> Report:
        """The answer with clang's facts of this very text.

        Where clang fails as a whole the report says so, and holds what syntax found.
        """
        unit, problems = self._finally(path, data)
        before = self._state(path).unit
        if before is not None:
            unit.inherit(before)
        report = self._report(unit, final=True, problems=problems, evidence=evidence)
        self._state(path).succeeded_by(unit, report)
        return report

    def facts(self, path: Path) -> Facts:
        """What clang said of a file when it last read it."""
        state = self._state(path)
        with state.lock:
            return state.facts

    def prove(self, path: Path, data: bytes, finding: Finding, fix: Fix) -> Proof:
        """Apply a fix in memory, read again by both readers, and compare.

        Proven: clang read the function and has no new error, the finding is gone, and no other has
        come. Unproven: the same, but clang could not read the function. Else refuted.
        """
        return self._prove(path, data, [finding], fix.edits)

    def fix_all(
        self, path: Path, data: bytes, safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """The edits of all fixes that are proven together, and why others were left out.

        One reading proves all; when it does not, halves are tried until the culprits are found.
        """
        report = self.final(path, data)
        chosen: list[tuple[Finding, Fix]] = []
        reasons: list[str] = []
        for item in report.findings:
            for fix in item.fixes[:1]:
                if safe_only and fix.safety is not Safety.SAFE:
                    reasons.append(f"{item.rule}: '{fix.title}' may change who can connect")
                elif fix.withheld is not None:
                    reasons.append(f"{item.rule}: {fix.withheld}")
                elif any(_clash(fix, other) for _, other in chosen):
                    reasons.append(f"{item.rule}: '{fix.title}' overlaps another fix")
                elif not any(fix.edits == other.edits for _, other in chosen):
                    chosen.append((item, fix))
        proven = self._provable(path, data, chosen, reasons)
        edits = dict.fromkeys(edit for _, fix in proven for edit in fix.edits)
        return tuple(sorted(edits)), tuple(reasons)

    def portray(self, path: Path, data: bytes, offset: int) -> Portrait | None:
        """What is known of the object whose name stands at a byte; waits for nothing."""
        state = self._state(path)
        with state.lock:
            unit = state.unit
            if unit is None or unit.data != data:
                unit = self._unit(path, state, data, carried(state.facts, state.facts_data, data))
        return described(self.index, unit, offset)

    def tidy(self) -> None:
        """Free what was found out about texts that have changed since; on the thread of `first`.

        Such answers refer to each other, and would wait for the garbage collector, which stops
        everything for as long as a whole analysis takes.
        """
        for state in list(self._open.values()):
            while state.retired:
                state.retired.popleft().cache.clear()

    def close(self, path: Path) -> None:
        """Forget a file."""
        state = self._open.pop(path, None)
        if state is not None and state.session is not None:
            with state.reading:
                state.session.close()

    def invalidate(self) -> None:
        """Look again at everything beside the texts: compile commands, headers."""
        for state in list(self._open.values()):
            with state.reading, state.lock:
                if state.session is not None:
                    state.session.close()
                state.session = None
                state.hints = None
                state.outside = None
                state.module = None
                state.tree = None
                state.judged = None
        self._header_index = None
        self._headers_read.clear()

    # Reading.

    def _state(self, path: Path) -> _Open:
        return self._open.setdefault(path, _Open())

    def _unit(self, path: Path, state: _Open, data: bytes, facts: Facts) -> Unit:
        language = language_of(path, data)
        hints = self._hints(path, state, data, facts)
        if state.module is not None and state.data == data and hints == state.hints:
            module = state.module
        else:
            tree = parse(data, language, hints, state.tree)
            module = read(tree, hints, state.module)
            state.tree, state.module, state.data, state.hints = tree, module, data, hints
        header = path.suffix.lower() in HEADERS
        return Unit(data, module, facts, (hints.declarations,), language, header)

    def _hints(self, path: Path, state: _Open, data: bytes, facts: Facts) -> Hints:
        previous = state.hints
        if previous is None:
            state.indexed = self._header_index is not None
            known = self._declared(path, data)
            previous = replace(
                self._page_hints,
                declarations=known,
                types=_type_names(known),
                roles=known_names(self.index),
            )
        if previous.macros == facts.macros and previous.skipped == facts.skipped:
            return previous
        return replace(previous, macros=facts.macros, skipped=facts.skipped)

    def _declared(self, path: Path, data: bytes) -> Declarations:
        """What pages and the workspace's own headers declare to a file."""
        found = [self._pages]
        if not self.lone:
            found = [*self._workspace_headers(path, data), *found]
        return combined(found)

    def _workspace_headers(self, path: Path, data: bytes) -> Iterable[Declarations]:
        seen: set[Path] = {path}
        queue: list[tuple[Path, bytes]] = [(path, data)]
        while queue and len(seen) <= _HEADERS_READ:
            here, text = queue.pop(0)
            for name in _includes(text):
                header = self._find_header(here, name)
                if header is None or header in seen:
                    continue
                seen.add(header)
                content = _content(header)
                if content is None:
                    continue
                if content not in self._headers_read:
                    self._headers_read[content] = declarations(content, "cpp", self._page_hints)
                yield self._headers_read[content]
                queue.append((header, content))

    def _find_header(self, here: Path, name: str) -> Path | None:
        beside = here.parent / name
        if beside.is_file():
            return beside
        if self.root is None or self._header_index is None:
            return None
        return self._header_index.find(name)

    def _finally(self, path: Path, data: bytes) -> tuple[Unit, tuple[str, ...]]:
        state = self._state(path)
        with state.reading:
            self._index_headers()
            failed: ClangFailed | None = None
            try:
                session = self._session(path, state, data)
                session.parse(data)
            except ClangFailed as error:
                failed = error
            with state.lock:  # by now a first answer has read the syntax
                if not state.indexed and self._header_index is not None:
                    state.hints = None
                old = carried(state.facts, state.facts_data, data)
                if failed is not None:
                    log.warning("clang could not read a file: %s", failed)
                    unit = self._unit(path, state, data, old)
                    return unit, (f"clang could not read the file: {failed}",)
                wanted = self._unread(path, state, data, old)
            facts = merged(old, session.facts(wanted), wanted)
            with state.lock:
                unit = self._unit(path, state, data, facts)
                bodies = _bodies(unit.module)
                facts = by_body(facts, bodies)
                state.facts, state.facts_data = facts, data
                state.outside = _outside(data, bodies)
                unit = replace(unit, facts=facts)
            return unit, state.problems

    def _unread(self, path: Path, state: _Open, data: bytes, facts: Facts) -> list[Span] | None:
        """The bodies that clang has to read anew; None for all, before syntax is even asked."""
        if state.outside is None:
            return None
        bodies = _bodies(self._unit(path, state, data, facts).module)
        if _outside(data, bodies) != state.outside:
            return None
        known = read_before(state.facts, state.facts_data, data)
        return [body for body in bodies if body not in known]

    def _index_headers(self) -> None:
        """Effect: list the folder's headers, once; a first answer does without and never waits."""
        if self._header_index is None and self.root is not None and not self.lone:
            index = HeaderIndex(self.root)
            index.build()
            self._header_index = index

    def _session(self, path: Path, state: _Open, data: bytes) -> Session:
        if state.session is None:
            build_folder = Path(self.config.build) if self.config.build else None
            command = find_command(
                path,
                build=build_folder,
                root=self.root,
                data=data,
                include_folders=() if self.lone else include_folders(self.rulebook),
            )
            state.problems = command.problems
            state.session = Session(
                path,
                command,
                headers=self._headers,
                cache=self._cache,
                index=self._header_index,
                system_headers=not self.lone,
            )
        return state.session

    def _report(
        self,
        unit: Unit,
        final: bool,
        problems: tuple[str, ...],
        evidence: bool = False,
        stands: Standing | None = None,
    ) -> Report:
        findings, told = judged(self.index, unit, self.config, suite_table, evidence, stands)
        silenced = suppressed(unit, findings)
        gone = {item.finding.key for item in silenced}
        unanalysed = unread(self.index, unit) if final else ()
        return Report(
            findings=tuple(item for item in findings if item.key not in gone),
            evidence=told,
            unanalysed=(*unanalysed, *(Unanalysed(text) for text in problems)),
            missing_headers=unit.facts.missing_headers,
            final=final,
            suppressed=len(silenced),
            suppressions=silenced,
        )

    # Proving.

    def _prove(
        self, path: Path, data: bytes, findings: Sequence[Finding], edits: Iterable[Edit]
    ) -> Proof:
        try:
            mended = apply_edits(data, edits)
        except OverlappingEdits:
            return Proof.REFUTED
        state = self._state(path)
        before, _ = self._finally(path, data)
        kept = (state.facts, state.facts_data, state.outside)
        after, _ = self._finally(path, mended)
        with state.lock:  # as if the mended text had never been read
            state.facts, state.facts_data, state.outside = kept
        old = _counted(self._report(before, final=True, problems=()).findings)
        new = _counted(self._report(after, final=True, problems=()).findings)
        before.cache.clear()
        after.cache.clear()
        if _errors(after) - _errors(before):
            return Proof.REFUTED
        if new - old or _counted(findings) - (old - new):
            return Proof.REFUTED
        if len(after.module.errors) > len(before.module.errors):
            return Proof.REFUTED
        if all(_is_read(before, item) for item in findings):
            return Proof.PROVEN
        return Proof.UNPROVEN

    def _provable(
        self,
        path: Path,
        data: bytes,
        chosen: list[tuple[Finding, Fix]],
        reasons: list[str],
    ) -> list[tuple[Finding, Fix]]:
        """The largest part of the fixes that is proven together, by bisection."""
        if not chosen:
            return []
        edits = dict.fromkeys(edit for _, fix in chosen for edit in fix.edits)
        proof = self._prove(path, data, [item for item, _ in chosen], edits)
        if proof is Proof.PROVEN:
            return chosen
        if len(chosen) == 1:
            item, fix = chosen[0]
            why = (
                "clang cannot read the function"
                if proof is Proof.UNPROVEN
                else "it does not mend the code as it stands"
            )
            reasons.append(f"{item.rule}: '{fix.title}' is not proven: {why}")
            return []
        middle = len(chosen) // 2
        left = self._provable(path, data, chosen[:middle], reasons)
        right = self._provable(path, data, chosen[middle:], reasons)
        if not left or not right:
            return left or right
        together = self._prove(
            path,
            data,
            [item for item, _ in (*left, *right)],
            dict.fromkeys(edit for _, fix in (*left, *right) for edit in fix.edits),
        )
        return [*left, *right] if together is Proof.PROVEN else left


def _type_names(known: Declarations) -> frozenset[str]:
    names = {*known.records, *known.aliases}
    return frozenset("::".join(name.split("::")[-parts:]) for name in names for parts in (1, 2))


def _includes(text: bytes) -> Iterable[str]:
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped.startswith(b"#"):
            continue
        word = stripped[1:].strip()
        if word.startswith(b"include"):
            name = word[7:].strip()
            if name[:1] in (b'"', b"<"):
                closing = b'"' if name[:1] == b'"' else b">"
                yield name[1:].partition(closing)[0].decode(errors="replace")


def _content(path: Path) -> bytes | None:
    """Effect: reads a header; None if it cannot be read or is no header's size."""
    try:
        return path.read_bytes() if path.stat().st_size <= _HEADER_BYTES else None
    except OSError:
        return None


def _bodies(module: Module) -> tuple[Span, ...]:
    """The bodies of functions that stand in no other function."""
    bodies = sorted(
        {item.body for item in module.functions if item.kind != "initialiser"},
        key=lambda span: (span.start, -span.end),
    )
    found: list[Span] = []
    for body in bodies:
        if body.end > body.start and (not found or body.start >= found[-1].end):
            found.append(body)
    return tuple(found)


def _outside(data: bytes, bodies: Sequence[Span]) -> bytes:
    pieces = []
    done = 0
    for body in bodies:
        pieces.append(data[done : body.start])
        done = body.end
    pieces.append(data[done:])
    return b"\0".join(pieces)


def _clash(left: Fix, right: Fix) -> bool:
    """Whether two fixes want the same bytes, other than by the very same edits."""
    return any(
        mine != theirs and (mine.span.overlaps(theirs.span) or mine.span == theirs.span)
        for mine in left.edits
        for theirs in right.edits
    )


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str, str, str]]:
    return Counter((item.rule, item.function, item.message) for item in findings)


def _errors(unit: Unit) -> Counter[str]:
    return Counter(item.message for item in unit.facts.errors)


def _is_read(unit: Unit, finding: Finding) -> bool:
    """Whether clang read the function of a finding, or has no error if it stands in none."""
    around = [body for body in _bodies(unit.module) if body.contains(finding.span)]
    if around:
        return around[0] in unit.facts.read
    return not unit.facts.errors
