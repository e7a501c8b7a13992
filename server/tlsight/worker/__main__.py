"""The worker's end: reads jobs, answers first looks on the main thread and the rest on another.

libclang lets go of Python's lock while it parses, so that a first answer to the next version does
not wait for the final answer to this one. The process ends with its pipe, whatever it is at.
This module refuses to know what an analysis is; it is given something to build one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from tlsight.config import Config
from tlsight.rule import Rulebook
from tlsight.worker.garbage import rarely_collected
from tlsight.worker.protocol import (
    HEADER,
    Analyst,
    Answer,
    Close,
    Configure,
    Described,
    Failed,
    Final,
    First,
    FixAll,
    Invalidate,
    Page,
    Portray,
    Prove,
    Request,
    Settings,
    cache_folder,
    packed,
    unpacked,
)

Build = Callable[[Settings], tuple[Analyst, Described]]
"""How a worker comes by its analyst, and by what it says of its rules."""

log = logging.getLogger(__name__)


def main() -> None:
    """Effect: serves the real analysis on this process's standard streams until they close."""
    run(_build, _prepare)


def run(build: Build, prepare: Callable[[], None] = lambda: None) -> None:
    """Effect: serves what `build` makes on this process's standard streams until they close.

    `prepare` is called first, for what takes long and is the same for all settings.
    The streams are moved away, so that a library that prints cannot break the protocol.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when a worker ends
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    _Worker(build, requests, answers).serve(prepare)


class _Worker:
    def __init__(self, build: Build, requests: BinaryIO, answers: BinaryIO) -> None:
        self._build = build
        self._requests = requests
        self._answers = answers
        self._writing = threading.Lock()
        self._looks: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._readings: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._analyst: Analyst | None = None

    def serve(self, prepare: Callable[[], None]) -> None:
        """Effect: answers until the process ends."""
        threading.Thread(target=self._receive, daemon=True).start()
        threading.Thread(target=self._work, args=(self._readings,), daemon=True).start()
        try:
            prepare()
        except Exception:
            log.exception("the worker could not be prepared")  # and says why when it is set up
        rarely_collected()
        self._work(self._looks)

    def _receive(self) -> None:
        while len(header := self._requests.read(HEADER.size)) == HEADER.size:
            request = unpacked(self._requests.read(*HEADER.unpack(header)))
            quick = isinstance(request.job, (Configure, First, Portray))
            (self._looks if quick else self._readings).put(request)
        os._exit(0)  # nobody is left to answer, and a reader may be busy for long

    def _work(self, jobs: queue.SimpleQueue[Request]) -> None:
        while True:
            request = jobs.get()
            answer: Answer | Failed
            try:
                answer = Answer(request.number, self._done(request.job))
            except Exception as error:
                log.exception("a job of kind %s failed", type(request.job).__name__)
                answer = Failed(request.number, f"{type(error).__name__}: {error}")
            body = packed(answer)
            with self._writing:
                self._answers.write(body)
                self._answers.flush()
            if jobs is self._looks and self._analyst is not None:
                self._analyst.tidy()

    def _done(self, job: Any) -> Any:
        if isinstance(job, Configure):
            self._analyst, described = self._build(job.settings)
            return described
        analyst = self._analyst
        if analyst is None:
            raise RuntimeError("asked before it was configured")
        if isinstance(job, First):
            return analyst.first(job.path, job.data)
        if isinstance(job, Final):
            return analyst.final(job.path, job.data, job.evidence)
        if isinstance(job, Portray):
            return analyst.portray(job.path, job.data, job.offset)
        if isinstance(job, Prove):
            return analyst.prove(job.path, job.data, job.finding, job.fix)
        if isinstance(job, FixAll):
            return analyst.fix_all(job.path, job.data, job.safe_only)
        if isinstance(job, Close):
            return analyst.close(job.path)
        if isinstance(job, Invalidate):
            return analyst.invalidate()
        raise TypeError(f"unknown job {type(job).__name__}")


def _build(settings: Settings) -> tuple[Analyst, Described]:
    from tlsight.analysis import Analyst as Analysis
    from tlsight.views.page import documentation

    named = [Path(folder) for folder in settings.config.rules]
    folders = [settings.root / folder if settings.root else folder for folder in named]
    rulebook = _rulebook(settings.config.policy, tuple(folders))
    analyst = Analysis(rulebook, settings.config, settings.root, settings.cache)
    pages = {
        rule.id: Page(rule.title, documentation(rule), _file(rule.place))
        for rule in rulebook.properties.values()
    }
    return analyst, Described(pages, rulebook.problems)


def _prepare() -> None:
    """Effect: reads our own pages, which most projects are judged by, ahead of the settings."""
    from tlsight.pages import page_declarations

    page_declarations(_rulebook(Config().policy, ()), cache_folder())


def _rulebook(policy: str, folders: tuple[Path, ...]) -> Rulebook:
    """Our own pages are read once; a project's are read again whenever they may have changed."""
    from tlsight.rulebook import load

    return load(policy, folders) if folders else _our_rulebook(policy)


@lru_cache(maxsize=2)
def _our_rulebook(policy: str) -> Rulebook:
    from tlsight.rulebook import load

    return load(policy)


def _file(place: str) -> str:
    name, _, line = place.rpartition(":")
    path = Path(name if line.isdigit() else place)
    return str(path.resolve()) if path.is_file() else ""


if __name__ == "__main__":
    main()
