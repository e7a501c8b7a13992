"""Several worker processes over a list of files, with the answers in the order of the list.

A file on which clang crashes or hangs costs its own answer only, and of that only what clang knew:
what the syntax alone tells is asked for instead, and the report says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tlsight.finding import Report, Unanalysed
from tlsight.worker.client import COMMAND, JobFailed, Limits, Worker
from tlsight.worker.protocol import Settings

LIMITS = Limits(first=120.0, final=600.0, attempts=1)
"""Nobody waits at a keyboard, so a slow file gets its time; and a crash comes again."""

_T = TypeVar("_T")
_R = TypeVar("_R")


async def run(
    items: Sequence[_T],
    do: Callable[[Worker, _T], Awaitable[_R]],
    settings: Settings,
    count: int,
    command: Sequence[str] = COMMAND,
) -> AsyncGenerator[_R, None]:
    """Effect: does something with each item in `count` worker processes; yields in order."""
    loop = asyncio.get_running_loop()
    outcomes: list[asyncio.Future[_R]] = [loop.create_future() for _ in items]
    left = iter(zip(items, outcomes, strict=True))
    workers = [Worker(settings, command, LIMITS) for _ in range(min(count, len(items)))]
    tasks = [loop.create_task(_serve(worker, left, do)) for worker in workers]
    try:
        for outcome in outcomes:
            yield await outcome
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in workers))


async def analysed(worker: Worker, path: Path, data: bytes, evidence: bool = False) -> Report:
    """The final report on a text, or as much of it as can be had."""
    try:
        return await worker.final(path, data, evidence)
    except JobFailed as error:
        reason = f"clang's part of the analysis failed, only the syntax was judged: {error}"
    try:
        report = await worker.first(path, data)
    except JobFailed as error:
        return Report(unanalysed=(Unanalysed(f"the analysis failed: {error}"),), final=False)
    return replace(report, unanalysed=(Unanalysed(reason), *report.unanalysed), final=False)


async def _serve(
    worker: Worker,
    left: zip[tuple[_T, asyncio.Future[_R]]],
    do: Callable[[Worker, _T], Awaitable[_R]],
) -> None:
    for item, outcome in left:
        try:
            outcome.set_result(await do(worker, item))
        except Exception as error:
            outcome.set_exception(error)
