"""The server's end of a worker: one process, started when it is needed and again when it dies.

Two lanes lead to it, one for first looks and one for everything that reads with clang. A lane has
one job under way; what waits behind it waits here, so that a superseded job is dropped before it
starts, and a death takes with it only what was under way. That is tried once more in the new
process. This module refuses to know documents and versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlsight.finding import Finding, Fix, Portrait, Proof, Report
from tlsight.text import Edit
from tlsight.worker.protocol import (
    HEADER,
    Answer,
    Close,
    Configure,
    Described,
    Failed,
    Final,
    First,
    FixAll,
    Invalidate,
    Job,
    Portray,
    Prove,
    Request,
    Settings,
    packed,
    unpacked,
)

COMMAND: Sequence[str] = (sys.executable, str(Path(__file__).with_name("__main__.py")))
"""By its path, since `-m` would look for modules in the working folder, which is not trusted."""

NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""Keeps Windows from opening a console."""

log = logging.getLogger(__name__)


class Superseded(Exception):
    """A newer job of the same kind for the same file took this one's place."""


class JobFailed(Exception):
    """The worker met a bug with this job, or died of it as often as `Limits` allow."""


@dataclass(frozen=True)
class Limits:
    """How long a job may take before its worker counts as hung, and how often it is tried."""

    first: float = 30.0
    final: float = 120.0
    attempts: int = 2


@dataclass(eq=False)
class _Pending:
    job: Job
    key: tuple[type, Path] | None
    outcome: asyncio.Future[Any]
    attempts: int = 0


@dataclass(eq=False)
class _Lane:
    limit: float
    waiting: deque[_Pending] = field(default_factory=deque)
    running: tuple[int, _Pending] | None = None
    deadline: asyncio.TimerHandle | None = None

    def rest(self) -> None:
        """Effect: nothing is under way any more."""
        self.running = None
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


async def launch(command: Sequence[str] = COMMAND) -> asyncio.subprocess.Process:
    """Effect: starts a process that waits to be told by what settings it works."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        creationflags=NO_WINDOW,
    )


class Worker:
    """Analyses in another process. All methods belong to the event loop's thread.

    `spare` is a process that `launch` has started already, to be used first.
    `generation` counts the ends of processes and configurations, which no facts outlive.
    """

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str] = COMMAND,
        limits: Limits = Limits(),
        on_described: Callable[[Described], None] = lambda _: None,
        spare: asyncio.subprocess.Process | None = None,
    ) -> None:
        self.settings = settings
        self.generation = 0
        self._command = tuple(command)
        self._limits = limits
        self._on_described = on_described
        self._spare = spare
        self._looks = _Lane(limits.first)
        self._readings = _Lane(limits.final)
        self._process: asyncio.subprocess.Process | None = None
        self._configured = False
        self._reason = ""
        self._keeper: asyncio.Task[None] | None = None
        self._numbers = 0
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """The process at work, if there is one."""
        return self._process.pid if self._process else None

    async def first(self, path: Path, data: bytes) -> Report:
        """The answer that waits for nothing; may raise `Superseded` or `JobFailed`."""
        report: Report = await self._ask(self._looks, First(path, data), (First, path))
        return report

    async def final(self, path: Path, data: bytes, evidence: bool = False) -> Report:
        """The answer that clang has confirmed; may raise `Superseded` or `JobFailed`."""
        job = Final(path, data, evidence)
        # What is asked for once takes no place in the line of what is wanted at every keystroke.
        key = None if evidence else (Final, path)
        report: Report = await self._ask(self._readings, job, key)
        return report

    async def portray(self, path: Path, data: bytes, offset: int) -> Portrait | None:
        """What is known of an object; may raise `Superseded` or `JobFailed`."""
        job = Portray(path, data, offset)
        found: Portrait | None = await self._ask(self._looks, job, (Portray, path))
        return found

    async def prove(self, path: Path, data: bytes, finding: Finding, fix: Fix) -> Proof:
        """What applying the fix shows; goes before answers that nobody has asked for."""
        job = Prove(path, data, finding, fix)
        proof: Proof = await self._ask(self._readings, job, urgent=True)
        return proof

    async def fix_all(
        self, path: Path, data: bytes, safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """All fixes in one set of edits, and why others were withheld."""
        job = FixAll(path, data, safe_only)
        edits: tuple[tuple[Edit, ...], tuple[str, ...]] = await self._ask(
            self._readings, job, urgent=True
        )
        return edits

    def close(self, path: Path) -> None:
        """Effect: lets the worker forget a file, and drops what waits for it."""
        for lane in (self._looks, self._readings):
            _supersede(lane, lambda key: key is not None and key[1] == path)
        if self._process:
            self._tell(self._readings, Close(path))

    def invalidate(self) -> None:
        """Effect: lets the worker look again at what stands beside the texts."""
        if self._process:
            self._tell(self._readings, Invalidate())

    def configure(self, settings: Settings) -> None:
        """Effect: analyses by other settings, or by rule pages that have changed, from now on."""
        self.settings = settings
        if self._process:
            self.generation += 1
            self._tell(self._looks, Configure(settings), urgent=True)

    def start(self) -> None:
        """Effect: starts the process ahead of the first job."""
        if self._keeper is None and not self._stopped:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def kill(self) -> None:
        """Effect: ends the process at once and for good; nothing is waited for."""
        self._stopped = True
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Effect: ends the process for good, and waits until it is gone."""
        self.kill()
        if self._keeper:
            await self._keeper
        for lane in (self._looks, self._readings):
            _supersede(lane, lambda _: True)

    async def _ask(
        self, lane: _Lane, job: Job, key: tuple[type, Path] | None = None, urgent: bool = False
    ) -> Any:
        if self._stopped:
            raise Superseded
        return await self._tell(lane, job, key, urgent).outcome

    def _tell(
        self, lane: _Lane, job: Job, key: tuple[type, Path] | None = None, urgent: bool = False
    ) -> _Pending:
        pending = _pending(job, key)
        if key:
            _supersede(lane, lambda other: other == key)
        if urgent:
            lane.waiting.appendleft(pending)
        else:
            lane.waiting.append(pending)
        self.start()
        self._feed(lane)
        return pending

    def _feed(self, lane: _Lane) -> None:
        if lane.running or self._process is None or self._process.stdin is None:
            return
        if lane is self._readings and not self._configured:
            return
        while lane.waiting:
            pending = lane.waiting.popleft()
            if pending.outcome.done():
                continue
            self._numbers += 1
            lane.running = (self._numbers, pending)
            pending.attempts += 1
            lane.deadline = asyncio.get_running_loop().call_later(
                lane.limit, self._hung, self._process, pending
            )
            self._process.stdin.write(packed(Request(self._numbers, pending.job)))
            return

    def _hung(self, process: asyncio.subprocess.Process, pending: _Pending) -> None:
        log.warning("a job of kind %s took too long", type(pending.job).__name__)
        pending.attempts = self._limits.attempts
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _keep(self) -> None:
        """Effect: runs the process, and runs it again as long as jobs are left."""
        while not self._stopped:
            self._reason = "the analysis process ended"
            try:
                process = await self._next()
            except OSError as error:
                self._reason = f"the analysis process cannot be started: {error}"
                self._lose(retry=False)
                break
            await self._serve(process)
            if not self._stopped:
                log.warning("%s with status %s", self._reason, process.returncode)
            self._lose(retry=self._configured and not self._stopped)
            if not (self._looks.waiting or self._readings.waiting):
                break
        self._keeper = None

    async def _next(self) -> asyncio.subprocess.Process:
        """Effect: the spare process if there is one, else a new one."""
        spare, self._spare = self._spare, None
        return spare if spare and spare.returncode is None else await launch(self._command)

    async def _serve(self, process: asyncio.subprocess.Process) -> None:
        """Effect: speaks with one process until it ends."""
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a worker has pipes")
        self._process = process
        self._configured = False
        if self._stopped:
            process.kill()
        self._looks.waiting.appendleft(_pending(Configure(self.settings)))
        self._feed(self._looks)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
                self._settle(process, unpacked(await process.stdout.readexactly(size)))
        self._process = None
        process.stdin.close()
        await process.wait()

    def _settle(self, process: asyncio.subprocess.Process, message: Answer | Failed) -> None:
        """Effect: hands an answer to who waits for it, and the next job to the worker."""
        for lane in (self._looks, self._readings):
            if lane.running is None or lane.running[0] != message.number:
                continue
            pending = lane.running[1]
            lane.rest()
            if isinstance(pending.job, Configure):
                self._described(process, message)
            elif not pending.outcome.done():
                if isinstance(message, Failed):
                    pending.outcome.set_exception(JobFailed(message.message))
                else:
                    pending.outcome.set_result(message.value)
            self._feed(lane)

    def _described(self, process: asyncio.subprocess.Process, message: Answer | Failed) -> None:
        if isinstance(message, Failed):
            self._reason = f"the analysis cannot be set up: {message.message}"
            self._configured = False
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return
        self._configured = True
        self._feed(self._readings)
        self._on_described(message.value)

    def _lose(self, retry: bool) -> None:
        """Effect: settles what was under way when the process ended, or lets it wait again."""
        self.generation += 1
        for lane in (self._looks, self._readings):
            left = [lane.running[1], *lane.waiting] if lane.running else [*lane.waiting]
            lane.rest()
            lane.waiting.clear()
            for pending in reversed(left):
                if pending.outcome.done() or isinstance(pending.job, _ABOUT_A_PROCESS):
                    continue
                newer = pending.key and any(pending.key == other.key for other in lane.waiting)
                if newer:
                    pending.outcome.set_exception(Superseded())
                elif retry and pending.attempts < self._limits.attempts:
                    lane.waiting.appendleft(pending)
                else:
                    pending.outcome.set_exception(JobFailed(self._reason))


_ABOUT_A_PROCESS = (Configure, Close, Invalidate)
"""Jobs that mean nothing to the next process."""


def _pending(job: Job, key: tuple[type, Path] | None = None) -> _Pending:
    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    outcome.add_done_callback(_retrieved)
    return _Pending(job, key, outcome)


def _supersede(lane: _Lane, matches: Callable[[tuple[type, Path] | None], bool]) -> None:
    for pending in [pending for pending in lane.waiting if matches(pending.key)]:
        lane.waiting.remove(pending)
        if not pending.outcome.done():
            pending.outcome.set_exception(Superseded())


def _retrieved(outcome: asyncio.Future[Any]) -> None:
    """Effect: marks an exception as seen, since a job may have no one who waits for it."""
    if not outcome.cancelled():
        outcome.exception()
