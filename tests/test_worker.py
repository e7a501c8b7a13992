"""The process boundary: two lanes, latest wins, and a death that nobody notices."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fake_worker import COMMAND
from tlsight.config import Config
from tlsight.finding import Proof
from tlsight.worker.client import JobFailed, Limits, Superseded, Worker
from tlsight.worker.protocol import Described, Settings

PATH = Path("/nowhere/a.cpp")


@pytest_asyncio.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(Settings(Config(), None, tmp_path), COMMAND)
    yield worker
    await worker.stop()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def gated(gate: Path, rest: bytes = b"") -> bytes:
    return b"BAD GATE:%b; %b" % (str(gate).encode(), rest)


async def arrival(gate: Path) -> int:
    """A handle on the gate, once a final answer stands there; closing it lets the answer go on."""
    return await asyncio.to_thread(os.open, gate, os.O_WRONLY)


async def test_both_answers_come_back(worker: Worker) -> None:
    """A first look says that it is one, and a final answer that it is not."""
    first = await worker.first(PATH, b"BAD LATE")
    final = await worker.final(PATH, b"BAD LATE")

    assert [False, True] == [first.final, final.final]
    assert [["word-bad"], ["word-bad", "word-late"]] == [
        [finding.rule for finding in report.findings] for report in (first, final)
    ]


async def test_a_first_look_does_not_wait_for_a_final_answer(worker: Worker, gate: Path) -> None:
    """While one version is read thoroughly, the next is looked at."""
    final = asyncio.ensure_future(worker.final(PATH, gated(gate)))
    handle = await arrival(gate)
    first = await worker.first(PATH, b"BAD BAD")

    assert not final.done()
    assert 2 == len(first.findings)
    os.close(handle)
    assert 1 == len((await final).findings)


async def test_a_superseded_job_is_dropped_before_it_starts(worker: Worker, gate: Path) -> None:
    """Of the versions that wait behind a busy reader, only the latest is read."""
    busy = asyncio.ensure_future(worker.final(PATH, gated(gate)))
    handle = await arrival(gate)
    dropped = asyncio.ensure_future(worker.final(PATH, b"BAD DIE"))
    await worker.first(PATH, b"")
    latest = asyncio.ensure_future(worker.final(PATH, b"BAD BAD BAD"))

    with pytest.raises(Superseded):
        await dropped
    os.close(handle)
    assert [1, 3] == [len((await job).findings) for job in (busy, latest)]


async def test_what_is_asked_for_with_evidence_takes_nobody_s_place(
    worker: Worker, gate: Path
) -> None:
    """A review waits beside what is read at every keystroke, and neither drops the other."""
    busy = asyncio.ensure_future(worker.final(PATH, gated(gate)))
    handle = await arrival(gate)
    reviewed = asyncio.ensure_future(worker.final(PATH, b"BAD", evidence=True))
    latest = asyncio.ensure_future(worker.final(PATH, b"BAD BAD"))
    await worker.first(PATH, b"")
    os.close(handle)

    assert [1, 1, 2] == [len((await item).findings) for item in (busy, reviewed, latest)]


async def test_a_killed_worker_is_started_again_and_asked_again(worker: Worker, gate: Path) -> None:
    """The caller of a job that a kill interrupted gets its answer all the same."""
    final = asyncio.ensure_future(worker.final(PATH, gated(gate)))
    handle = await arrival(gate)
    generation, killed = worker.generation, worker._process
    assert killed is not None
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    os.close(handle)
    os.close(await arrival(gate))

    assert 1 == len((await final).findings)
    assert generation + 1 == worker.generation
    assert killed.pid != worker.pid


async def test_a_job_that_kills_twice_is_given_up(worker: Worker) -> None:
    """A text that libclang crashes on costs its own final answer, and nothing else."""
    with pytest.raises(JobFailed, match="ended"):
        await worker.final(PATH, b"DIE")

    assert 1 == len((await worker.final(PATH, b"BAD")).findings)


async def test_a_job_that_hangs_is_ended(tmp_path: Path) -> None:
    """A reader that does not come back within the limit is killed, and not asked again."""
    worker = Worker(Settings(Config(), None, tmp_path), COMMAND, Limits(final=0.2))

    with pytest.raises(JobFailed, match="ended"):
        await worker.final(PATH, b"HANG")
    assert 1 == len((await worker.final(PATH, b"BAD")).findings)
    await worker.stop()


async def test_a_bug_costs_one_answer(worker: Worker) -> None:
    """An exception in a job reaches its caller by name, and the process lives on."""
    await worker.first(PATH, b"")
    pid = worker.pid

    with pytest.raises(JobFailed, match="ValueError: a bug"):
        await worker.final(PATH, b"BUG")
    assert pid == worker.pid


async def test_a_fix_is_proven_and_all_are_applied(worker: Worker) -> None:
    """Proofs and edits come back through the same pipe."""
    finding = (await worker.first(PATH, b"BAD")).findings[0]

    proofs = [
        await worker.prove(PATH, text, finding, finding.fixes[0])
        for text in (b"BAD", b"BAD TABOO", b"BAD DOUBT")
    ]
    assert [Proof.PROVEN, Proof.REFUTED, Proof.UNPROVEN] == proofs
    edits, withheld = await worker.fix_all(PATH, b"BAD BAD")
    assert (2, ()) == (len(edits), withheld)


async def test_settings_reach_the_worker_and_its_pages_come_back(tmp_path: Path) -> None:
    """Whoever configures hears what the rules are, and what is wrong with them."""
    heard: asyncio.Queue[Described] = asyncio.Queue()
    worker = Worker(Settings(Config(), None, tmp_path), COMMAND, on_described=heard.put_nowait)
    worker.start()
    assert {"word-bad", "word-late"} == set((await heard.get()).pages)
    worker.configure(Settings(Config(rules=("oops",)), None, tmp_path))
    assert ["page.md:1: oops"] == [str(problem) for problem in (await heard.get()).problems]
    await worker.stop()


async def test_closing_drops_what_waits(worker: Worker, gate: Path) -> None:
    """Nothing is read for a file that is no longer open."""
    busy = asyncio.ensure_future(worker.final(Path("b.cpp"), gated(gate)))
    handle = await arrival(gate)
    waiting = asyncio.ensure_future(worker.final(PATH, b"BAD"))
    await worker.first(PATH, b"")
    worker.close(PATH)

    with pytest.raises(Superseded):
        await waiting
    os.close(handle)
    await busy


async def test_a_command_that_does_not_exist_is_said(tmp_path: Path) -> None:
    """A worker that cannot be started fails each job with the reason."""
    worker = Worker(Settings(Config(), None, tmp_path), ["/does/not/exist"])

    with pytest.raises(JobFailed, match="cannot be started"):
        await worker.first(PATH, b"")
    await worker.stop()


async def test_a_worker_that_ends_at_once_is_not_started_for_ever(tmp_path: Path) -> None:
    """A process that never gets to work fails the job; the next job tries again."""
    worker = Worker(Settings(Config(), None, tmp_path), [sys.executable, "-c", ""])

    for _ in range(2):
        with pytest.raises(JobFailed, match="ended"):
            await worker.first(PATH, b"")
    assert 2 == worker.generation
    await worker.stop()


async def test_a_worker_ends_with_its_pipe(worker: Worker, gate: Path) -> None:
    """A server that vanishes leaves no process behind, not even a busy one."""
    final = asyncio.ensure_future(worker.final(PATH, gated(gate)))
    handle = await arrival(gate)
    process = worker._process
    assert process is not None and process.stdin is not None
    worker._stopped = True
    process.stdin.close()

    assert 0 == await process.wait()
    with pytest.raises(JobFailed):
        await final
    os.close(handle)
