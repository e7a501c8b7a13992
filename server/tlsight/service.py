"""Open documents, when each is analysed, and what of it is published.

Every version is answered twice: a first look as soon as typing pauses for a moment, and a final
answer once clang has read the text. The law of publication:

- An answer is published only while its version is the one in the editor, and its file is open.
- Where analysis is wanted on save, what has not been saved is not published, whoever asked for it.
- The final answer follows the first only if it says something else; the first never follows it.
- A worker that is new has no facts yet, so its first looks are held back for documents whose facts
  were known, and the editor notices a delay instead of findings that come and go.

This module knows neither pygls nor how a worker works; time is handed in, so that tests wait for
events only.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import pathspec

from tlsight.finding import Finding, Fix, Portrait, Proof, Report, Unanalysed
from tlsight.text import Change, Document, Edit, Encoding
from tlsight.worker.client import JobFailed, Superseded
from tlsight.worker.protocol import Described, Settings


@dataclass(frozen=True)
class DebouncePolicy:
    """How long to wait after a change: as long as an analysis takes, times `ratio`, within bounds.

    Where analyses are quick, answers come while one types; where they are slow, after a pause.
    """

    min: float
    max: float
    ratio: float

    def wait(self, recent: Iterable[float]) -> float:
        """Seconds to wait, given what the latest analyses took."""
        durations = tuple(recent)
        usual = statistics.median(durations) if durations else 0.0
        return min(self.max, max(self.min, self.ratio * usual))

    @classmethod
    def fixed(cls, delay: float) -> DebouncePolicy:
        """Always the same wait."""
        return cls(delay, delay, 0.0)


FIRST_LOOK = DebouncePolicy(min=0.01, max=0.1, ratio=0.1)
"""Gathers the changes of one keystroke, or of a paste that comes in pieces."""

FINAL_ANSWER = DebouncePolicy(min=0.01, max=0.5, ratio=0.05)
"""Leaves a processor some rest while one types, where reading takes long."""

log = logging.getLogger(__name__)

_EXCLUDED = Report(unanalysed=(Unanalysed("the option 'exclude' leaves this file out"),))

REMEMBERED = 5
"""Durations that a wait is computed from; few, so that it follows the file that is edited."""


@dataclass(frozen=True)
class Answer:
    """What was found, and in which version of which document."""

    document: Document
    report: Report


class Stage(str, Enum):
    """How far the analysis of a document is."""

    ANALYSING = "analysing"
    HELD = "held"
    """It waits for the document to be saved."""
    DONE = "done"


@dataclass(frozen=True)
class Standing:
    """Where the analysis of a document stands: what is shown of it, and what is still to come.

    The answer may be to an older version, or not there yet.
    """

    document: Document
    stage: Stage
    answer: Answer | None
    trouble: str = ""
    """Why no final answer to this version can be had."""


class Analyses(Protocol):
    """What is needed of a worker; see `tlsight.worker.client.Worker`."""

    settings: Settings
    generation: int

    async def first(self, path: Path, data: bytes) -> Report:
        """The answer that waits for nothing."""
        ...

    async def final(self, path: Path, data: bytes, evidence: bool = False) -> Report:
        """The answer that clang has confirmed."""
        ...

    async def portray(self, path: Path, data: bytes, offset: int) -> Portrait | None:
        """What is known of the object whose name stands at a byte."""
        ...

    async def prove(self, path: Path, data: bytes, finding: Finding, fix: Fix) -> Proof:
        """What applying the fix shows."""
        ...

    async def fix_all(
        self, path: Path, data: bytes, safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """All fixes in one set of edits, and why others were withheld."""
        ...

    def close(self, path: Path) -> None:
        """Forget a file."""
        ...

    def invalidate(self) -> None:
        """Look again at what stands beside the texts."""
        ...

    def configure(self, settings: Settings) -> None:
        """Analyse by other settings."""
        ...

    def start(self) -> None:
        """Get ready ahead of the first job."""
        ...

    def kill(self) -> None:
        """End at once."""
        ...

    async def stop(self) -> None:
        """End, and wait for the end."""
        ...


Employ = Callable[[Settings, Callable[[Described], None]], Analyses]
"""Makes a worker for settings, which tells what it knows whenever it has been set up."""


class Client(Protocol):
    """Who the service answers to."""

    def publish(self, answer: Answer) -> None:
        """Show an answer in place of the one before."""
        ...

    def clear(self, uri: str) -> None:
        """Show nothing for a document that was closed."""
        ...

    def described(self, root: Path | None, described: Described) -> None:
        """Hear what a worker knows of its rules."""
        ...

    def trouble(self, message: str) -> None:
        """Hear what went wrong with an analysis."""
        ...

    def progressed(self, uri: str) -> None:
        """Hear that an analysis has begun, ended, or said something else than before."""
        ...


@dataclass(eq=False)
class _Open:
    document: Document
    path: Path
    root: Path | None
    answer: Answer | None = None
    shown: Answer | None = None
    """The newest answer that was published, or that says the same."""
    due: Document | None = None
    """The newest version whose answer may be published."""
    facts_of: int | None = None
    """The generation of the worker that knows this document's facts."""
    given_up: Document | None = None
    """The version that no final answer can be had for."""
    trouble: str = ""
    """Why not."""
    looking: asyncio.Task[None] | None = None
    """A first look that still waits for typing to pause."""
    reading: asyncio.Task[None] | None = None
    """The same for the final answer."""
    at_work: set[asyncio.Task[None]] = field(default_factory=set)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    proofs: dict[tuple[Any, ...], asyncio.Task[Proof]] = field(default_factory=dict)

    @property
    def current(self) -> Answer | None:
        """The answer to the version in the editor, if there is one yet."""
        return self.answer if self.answer and self.answer.document is self.document else None


class Service:
    """The documents of one editor. All methods belong to the event loop's thread."""

    def __init__(
        self,
        client: Client,
        employ: Employ,
        first_look: DebouncePolicy = FIRST_LOOK,
        final_answer: DebouncePolicy = FINAL_ANSWER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._employ = employ
        self._first_look = first_look
        self._final_answer = final_answer
        self._sleep = sleep
        self._now = now
        self._settings: dict[Path | None, Settings] = {}
        self._workers: dict[Path | None, Analyses] = {}
        self._open: dict[str, _Open] = {}
        self._looks: deque[float] = deque(maxlen=REMEMBERED)
        self._readings: deque[float] = deque(maxlen=REMEMBERED)
        self._stopped = False

    def configure(self, settings: Mapping[Path | None, Settings]) -> None:
        """Effect: analyses by these settings from now on; None is for files outside all folders."""
        self._settings = dict(settings)
        for root, worker in list(self._workers.items()):
            if root not in settings:
                worker.kill()
                del self._workers[root]
            elif worker.settings != settings[root]:
                worker.configure(settings[root])
        for open_ in self._open.values():
            self._adopt(open_, self._root(open_.path))
            if self.held(open_.document.uri) and self._setting(open_).config.run == "type":
                self._allow(open_)

    def reload(self, root: Path | None) -> None:
        """Effect: reads the rule pages of a folder again."""
        if worker := self._workers.get(root):
            worker.configure(worker.settings)

    def invalidate(self, root: Path | None) -> None:
        """Effect: answers again for a folder, since something beside its texts has changed."""
        if worker := self._workers.get(root):
            worker.invalidate()
            self._read_again(root)

    def warm_up(self, root: Path | None) -> None:
        """Effect: starts the worker of a folder before it has anything to do."""
        self._worker(root).start()

    def open(self, document: Document, path: Path) -> None:
        """Effect: answers for this document from now on."""
        if document.uri in self._open:
            self.close(document.uri)
        open_ = _Open(document, path, self._root(path), due=document)
        self._open[document.uri] = open_
        self._schedule(open_, look=0.0, read=0.0)

    def change(
        self, uri: str, version: int, changes: Iterable[Change], encoding: Encoding
    ) -> Document | None:
        """Effect: takes the next version of a document; it is returned."""
        open_ = self._open.get(uri)
        if open_ is None:
            return None
        open_.document = open_.document.changed(version, changes, encoding)
        open_.proofs.clear()
        if self._setting(open_).config.run == "type":
            open_.due = open_.document
            look, read = self._first_look, self._final_answer
            self._schedule(open_, look.wait(self._looks), read.wait(self._readings))
        else:
            self._client.progressed(uri)
        return open_.document

    def save(self, uri: str) -> None:
        """Effect: answers for what is new on disk, in this document and where it is included."""
        saved = self._open.get(uri)
        if saved is None:
            return
        self._allow(saved)
        self._read_again(saved.root, but=saved)

    def close(self, uri: str) -> None:
        """Effect: forgets a document; the last that is heard of it is that nothing is found."""
        open_ = self._open.pop(uri, None)
        if open_ is None:
            return
        self._end(open_)
        if worker := self._workers.get(open_.root):
            worker.close(open_.path)
        self._client.clear(uri)

    def document(self, uri: str) -> Document | None:
        """The version in the editor."""
        open_ = self._open.get(uri)
        return open_.document if open_ else None

    def files(self) -> Mapping[Path, str]:
        """The files that are open, with the URIs of their documents."""
        return {open_.path: uri for uri, open_ in self._open.items()}

    def root(self, uri: str) -> Path | None:
        """The folder by whose settings a document is analysed."""
        open_ = self._open.get(uri)
        return open_.root if open_ else None

    def held(self, uri: str) -> bool:
        """Whether the version in the editor must be saved before an answer to it is published."""
        open_ = self._open.get(uri)
        return open_ is not None and open_.due is not open_.document

    def standing(self, uri: str) -> Standing | None:
        """Where the analysis of a document stands."""
        open_ = self._open.get(uri)
        if open_ is None:
            return None
        stage = Stage.DONE
        if open_.due is not open_.document:
            stage = Stage.HELD
        elif open_.at_work and not (open_.current and open_.current.report.final):
            stage = Stage.ANALYSING
        trouble = open_.trouble if open_.given_up is open_.document else ""
        return Standing(open_.document, stage, open_.shown, trouble)

    async def answer(self, uri: str, final: bool = False) -> Answer | None:
        """The answer to the version in the editor, however often that changes meanwhile.

        None if the document is not open, or if no answer can be had.
        """
        while open_ := self._open.get(uri):
            current = open_.current
            if current and (not final or current.report.final or open_.given_up is open_.document):
                return current
            if not (open_.looking or open_.reading or open_.at_work):
                if open_.given_up is open_.document:
                    return current
                self._schedule(open_, look=0.0, read=0.0)
            settled = asyncio.get_running_loop().create_future()
            open_.waiting.add(settled)
            try:
                await settled
            finally:
                open_.waiting.discard(settled)
        return None

    def known_proof(self, answer: Answer, finding: Finding, fix: Fix) -> Proof | None:
        """What has been proven of a fix already."""
        open_ = self._open.get(answer.document.uri)
        if open_ is None or open_.document is not answer.document:
            return None
        task = open_.proofs.get(_proof_key(finding, fix))
        if task is None or not task.done() or task.cancelled() or task.exception():
            return None
        return task.result()

    async def prove(self, answer: Answer, finding: Finding, fix: Fix) -> Proof:
        """What applying a fix shows; unproven if that cannot be found out."""
        open_ = self._open.get(answer.document.uri)
        if open_ is None or open_.document is not answer.document:
            return Proof.UNPROVEN
        key = _proof_key(finding, fix)
        task = open_.proofs.get(key)
        if task is None:
            task = asyncio.ensure_future(
                self._worker(open_.root).prove(open_.path, answer.document.data, finding, fix)
            )
            task.add_done_callback(_retrieved)
            open_.proofs[key] = task
        try:
            return await asyncio.shield(task)
        except (Superseded, JobFailed):
            return Proof.UNPROVEN

    async def evidence(self, uri: str) -> Answer | None:
        """The final answer to the version in the editor, with evidence; nothing of it is published.

        None if the document is not open.
        """
        open_ = self._open.get(uri)
        if open_ is None:
            return None
        document = open_.document
        if self._excluded(open_):
            return Answer(document, _EXCLUDED)
        try:
            worker = self._worker(open_.root)
            return Answer(document, await worker.final(open_.path, document.data, evidence=True))
        except Superseded:
            return None
        except JobFailed as failure:
            return Answer(document, Report(unanalysed=(Unanalysed(str(failure)),)))

    async def portray(self, answer: Answer, offset: int) -> Portrait | None:
        """What is known of the object whose name stands at a byte of a document."""
        open_ = self._open.get(answer.document.uri)
        if open_ is None or open_.document is not answer.document:
            return None
        try:
            worker = self._worker(open_.root)
            return await worker.portray(open_.path, answer.document.data, offset)
        except (Superseded, JobFailed):
            return None

    async def fix_all(self, answer: Answer) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """All fixes of a document that change nothing but the weakness, and what was withheld."""
        open_ = self._open.get(answer.document.uri)
        if open_ is None:
            return (), ()
        try:
            return await self._worker(open_.root).fix_all(open_.path, answer.document.data)
        except Superseded:
            return (), ()
        except JobFailed as failure:
            return (), (str(failure),)

    def kill(self) -> None:
        """Effect: ends all workers at once."""
        self._stopped = True
        for worker in self._workers.values():
            worker.kill()

    async def stop(self) -> None:
        """Effect: ends everything that is under way, and waits for it."""
        self.kill()
        for open_ in self._open.values():
            self._end(open_)
        self._open.clear()
        for worker in self._workers.values():
            await worker.stop()

    def _schedule(self, open_: _Open, look: float | None, read: float | None) -> None:
        """Effect: starts a first look and a final answer after so many seconds.

        A look that still waits takes the newest text anyway; a final answer starts to wait anew,
        so that it comes after a pause.
        """
        if self._stopped:
            return
        if look is not None and open_.looking is None:
            open_.looking = self._begin(open_, self._look(open_, look))
        if read is not None:
            if open_.reading:
                open_.reading.cancel()
            open_.reading = self._begin(open_, self._read(open_, read))

    def _begin(self, open_: _Open, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        open_.at_work.add(task)
        task.add_done_callback(lambda _: self._finish(open_, task))
        self._client.progressed(open_.document.uri)
        return task

    def _finish(self, open_: _Open, task: asyncio.Task[None]) -> None:
        """Effect: counts a task as done, and lets everyone who waits for an answer look again."""
        open_.at_work.discard(task)
        _wake(open_)
        if not task.cancelled() and (error := task.exception()):
            log.error("an answer was lost", exc_info=error)
        if self._open.get(open_.document.uri) is open_:
            self._client.progressed(open_.document.uri)

    async def _look(self, open_: _Open, wait: float) -> None:
        if wait:
            await self._sleep(wait)
        open_.looking = None
        document = open_.document
        if self._excluded(open_):
            self._settle(open_, Answer(document, _EXCLUDED))
            return
        worker, start = self._worker(open_.root), self._now()
        try:
            report = await worker.first(open_.path, document.data)
        except Superseded:
            return
        except JobFailed as failure:
            self._fail(open_, document, failure)
            return
        self._looks.append(self._now() - start)
        if open_.facts_of not in (None, worker.generation):
            if open_.reading is None and len(open_.at_work) == 1:
                self._schedule(open_, look=None, read=0.0)
            return
        self._settle(open_, Answer(document, report))

    async def _read(self, open_: _Open, wait: float) -> None:
        if wait:
            await self._sleep(wait)
        open_.reading = None
        document = open_.document
        if self._excluded(open_):
            self._settle(open_, Answer(document, _EXCLUDED))
            return
        worker, start = self._worker(open_.root), self._now()
        generation = worker.generation
        try:
            report = await worker.final(open_.path, document.data)
        except Superseded:
            return
        except JobFailed as failure:
            open_.given_up, open_.trouble = document, str(failure)
            self._fail(open_, document, failure)
            open_.facts_of = None
            if open_.current is None:
                self._schedule(open_, look=0.0, read=None)
            return
        self._readings.append(self._now() - start)
        open_.facts_of = generation
        self._settle(open_, Answer(document, report))
        if generation != worker.generation and open_.reading is None:
            self._schedule(open_, look=None, read=0.0)  # by older rules, or of a process now gone

    def _settle(self, open_: _Open, answer: Answer) -> None:
        """Effect: publishes an answer, if the law above allows it."""
        document = answer.document
        if self._open.get(document.uri) is not open_ or document is not open_.document:
            return
        before = open_.current
        if before and before.report.final and not answer.report.final:
            return
        open_.answer = answer
        if open_.due is document:
            self._publish(open_, answer)

    def _publish(self, open_: _Open, answer: Answer) -> None:
        """Effect: shows an answer, unless the same is shown for this version already."""
        before, open_.shown = open_.shown, answer
        same = before is not None and before.document is answer.document
        if before is None or not same or before.report.findings != answer.report.findings:
            self._client.publish(answer)
        self._client.progressed(answer.document.uri)

    def _allow(self, open_: _Open) -> None:
        """Effect: the version in the editor may be published from now on, and is wanted."""
        open_.due = open_.document
        if open_.current is None:
            self._schedule(open_, look=0.0, read=0.0)
        elif open_.shown is not open_.current:
            self._publish(open_, open_.current)

    def _fail(self, open_: _Open, document: Document, failure: JobFailed) -> None:
        if self._open.get(document.uri) is open_ and not self._stopped:
            self._client.trouble(f"{open_.path.name}: {failure}")

    def _read_again(self, root: Path | None, but: _Open | None = None) -> None:
        """Effect: final answers anew for the documents of a folder that were answered before."""
        for open_ in self._open.values():
            known = open_.current and open_.given_up is not open_.document
            if open_.root == root and open_ is not but and known:
                self._schedule(open_, look=None, read=0.0)

    def _described(self, root: Path | None, described: Described) -> None:
        if self._stopped:
            return
        self._client.described(root, described)
        for open_ in self._open.values():
            known = open_.current and open_.given_up is not open_.document
            if open_.root == root and known and not open_.at_work:
                self._schedule(open_, look=None, read=0.0)

    def _worker(self, root: Path | None) -> Analyses:
        worker = self._workers.get(root)
        if worker is None:
            worker = self._employ(
                self._settings[root], lambda described: self._described(root, described)
            )
            self._workers[root] = worker
        return worker

    def _root(self, path: Path) -> Path | None:
        """The innermost of the folders that hold a file."""
        holding = [root for root in self._settings if root and path.is_relative_to(root)]
        return max(holding, key=lambda root: len(root.parts), default=None)

    def _adopt(self, open_: _Open, root: Path | None) -> None:
        if root != open_.root:
            if worker := self._workers.get(open_.root):
                worker.close(open_.path)
            open_.root = root
            open_.facts_of = None
            self._schedule(open_, look=0.0, read=0.0)

    def _setting(self, open_: _Open) -> Settings:
        return self._settings[open_.root]

    def _excluded(self, open_: _Open) -> bool:
        settings = self._setting(open_)
        if not settings.config.exclude or open_.root is None:
            return False
        patterns = pathspec.GitIgnoreSpec.from_lines(settings.config.exclude)
        return patterns.match_file(open_.path.relative_to(open_.root))

    def _end(self, open_: _Open) -> None:
        for task in open_.at_work:
            task.cancel()
        for proof in open_.proofs.values():
            proof.cancel()
        _wake(open_)


def _wake(open_: _Open) -> None:
    """Effect: lets everyone who waits for an answer look again."""
    for waiting in open_.waiting:
        if not waiting.done():
            waiting.set_result(None)


def _proof_key(finding: Finding, fix: Fix) -> tuple[Any, ...]:
    return (finding.key, fix.title, fix.edits)


def _retrieved(task: asyncio.Task[Proof]) -> None:
    """Effect: marks an exception as seen, since the one who asked may have gone."""
    if not task.cancelled():
        task.exception()
