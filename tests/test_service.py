"""When documents are analysed, and the law of what is published; no time passes in here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlsight.config import Config
from tlsight.finding import Finding, Fix, Proof, Report, Safety, Severity
from tlsight.service import Answer, DebouncePolicy, Service
from tlsight.text import Change, Document, Edit, Encoding, Span
from tlsight.worker.client import JobFailed, Superseded
from tlsight.worker.protocol import Described, Settings

URI = "file:///nowhere/a.cpp"
PATH = Path("/nowhere/a.cpp")
DEFAULTS = Config()
FIRST, FINAL = DebouncePolicy.fixed(0.01), DebouncePolicy.fixed(0.1)
FIX = Fix("Mend", (Edit(Span(0, 1), "B"),), Safety.SAFE)


def report(data: bytes, final: bool) -> Report:
    """Every `A` is a finding, and to the final answer every `L` too."""
    words = "AL" if final else "A"
    return Report(
        tuple(
            Finding(char, "is bad", Span(at, at + 1), Severity.ERROR, fixes=(FIX,))
            for at, char in enumerate(data.decode())
            if char in words
        ),
        final=final,
    )


@dataclass
class Job:
    """What a worker was asked, and has not answered yet."""

    final: bool
    data: bytes
    outcome: asyncio.Future[Report]

    def answer(self) -> None:
        if not self.outcome.done():
            self.outcome.set_result(report(self.data, self.final))

    def fail(self, error: Exception) -> None:
        self.outcome.set_exception(error)


@dataclass
class FakeWorker:
    """A worker whose answers a test gives, in the order that it likes."""

    settings: Settings
    tell: Callable[[Described], None]
    generation: int = 0
    jobs: list[Job] = field(default_factory=list)
    proofs: list[asyncio.Future[Proof]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def first(self, _path: Path, data: bytes) -> Report:
        return await self._job(final=False, data=data)

    async def final(self, _path: Path, data: bytes, _evidence: bool = False) -> Report:
        return await self._job(final=True, data=data)

    async def portray(self, _path: Path, _data: bytes, _offset: int) -> None:
        return None

    async def prove(self, _path: Path, _data: bytes, _finding: Finding, _fix: Fix) -> Proof:
        self.proofs.append(asyncio.get_running_loop().create_future())
        return await self.proofs[-1]

    async def fix_all(
        self, _path: Path, _data: bytes, _safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        raise JobFailed("no")

    def close(self, path: Path) -> None:
        self.log.append(f"close {path.name}")

    def invalidate(self) -> None:
        self.log.append("invalidate")

    def configure(self, settings: Settings) -> None:
        self.settings = settings
        self.generation += 1
        self.log.append("configure")

    def start(self) -> None:
        self.log.append("start")

    def kill(self) -> None:
        self.log.append("kill")

    async def stop(self) -> None:
        self.log.append("stop")

    async def _job(self, final: bool, data: bytes) -> Report:
        job = Job(final, data, asyncio.get_running_loop().create_future())
        self.jobs.append(job)
        return await job.outcome

    def pending(self, final: bool) -> list[Job]:
        return [job for job in self.jobs if job.final is final and not job.outcome.done()]


@dataclass
class FakeClient:
    """An editor that remembers what it was shown."""

    shown: list[tuple[int | None, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def publish(self, answer: Answer) -> None:
        rules = "".join(finding.rule for finding in answer.report.findings)
        self.shown.append((answer.document.version, rules))

    def clear(self, uri: str) -> None:
        self.shown.append((None, uri))

    def described(self, root: Path | None, described: Described) -> None:
        pass

    def trouble(self, message: str) -> None:
        self.troubles.append(message)

    def progressed(self, uri: str) -> None:
        pass


class FakeClock:
    """Time that stands still until a test lets it pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    async def wait(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((self.now + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        for at, future in self._waiting:
            if at <= self.now and not future.done():
                future.set_result(None)
        await turn()


class Turn:
    """Lets everything else that is ready run."""

    def __await__(self) -> Generator[None, None, None]:
        for _ in range(12):
            yield


async def turn() -> None:
    await Turn()


class World:
    """A service, with everything around it in the hands of the test."""

    def __init__(self, config: Config = DEFAULTS) -> None:
        self.client = FakeClient()
        self.clock = FakeClock()
        self.workers: dict[Path | None, FakeWorker] = {}
        self.service = Service(
            self.client, self.employ, FIRST, FINAL, self.clock.wait, lambda: self.clock.now
        )
        self.service.configure({None: Settings(config, None, Path("/cache"))})
        self.version = 0

    def employ(self, settings: Settings, tell: Callable[[Described], None]) -> FakeWorker:
        self.workers[settings.root] = FakeWorker(settings, tell)
        return self.workers[settings.root]

    @property
    def worker(self) -> FakeWorker:
        return self.workers[None]

    async def open(self, text: str, path: Path = PATH) -> None:
        self.version += 1
        self.service.open(Document(path.as_uri(), self.version, text.encode()), path)
        await turn()

    async def change(self, text: str) -> None:
        self.version += 1
        self.service.change(URI, self.version, [Change(None, None, text)], Encoding.UTF8)
        await turn()

    async def answer(self, final: bool) -> None:
        for job in self.worker.pending(final):
            job.answer()
        await turn()


async def test_a_document_is_answered_twice() -> None:
    """At once by syntax, and again if clang knows more."""
    world = World()
    await world.open("AL")
    await world.answer(final=False)
    await world.answer(final=True)

    assert [(1, "A"), (1, "AL")] == world.client.shown


async def test_the_second_answer_is_not_published_if_it_is_the_first() -> None:
    """Nothing new is nothing to show."""
    world = World()
    await world.open("A")
    await world.answer(final=False)
    await world.answer(final=True)

    assert [(1, "A")] == world.client.shown


async def test_a_first_look_never_follows_the_final_answer() -> None:
    """Whichever way the two lanes race."""
    world = World()
    await world.open("AL")
    await world.answer(final=True)
    await world.answer(final=False)

    assert [(1, "AL")] == world.client.shown


async def test_an_answer_to_an_older_version_is_not_published() -> None:
    """The editor has moved on."""
    world = World()
    await world.open("A")
    await world.change("AA")
    await world.answer(final=False)
    await world.answer(final=True)
    assert [] == world.client.shown

    await world.clock.advance(0.01)
    await world.answer(final=False)
    assert [(2, "AA")] == world.client.shown


async def test_one_look_gathers_the_changes_of_a_moment() -> None:
    """A paste in pieces is looked at once, with the newest text; clang waits for a pause."""
    world = World()
    await world.open("")
    await world.answer(final=False)
    await world.answer(final=True)
    world.worker.jobs.clear()
    for text in ("A", "AA", "AAA"):
        await world.change(text)
        await world.clock.advance(0.004)
    assert [(False, b"AAA")] == [(job.final, job.data) for job in world.worker.jobs]

    await world.clock.advance(0.05)
    await world.change("AAAA")
    await world.clock.advance(0.05)
    assert [] == world.worker.pending(final=True)
    await world.clock.advance(0.05)
    assert [b"AAAA"] == [job.data for job in world.worker.pending(final=True)]


async def test_nothing_follows_a_close_but_the_empty_list() -> None:
    """Late answers have nowhere to go."""
    world = World()
    await world.open("A")
    await world.answer(final=False)
    world.service.close(URI)
    await world.answer(final=True)
    await world.change("AA")
    await world.clock.advance(1)

    assert [(1, "A"), (None, URI)] == world.client.shown
    assert ["close a.cpp"] == world.worker.log


async def test_without_facts_a_known_document_waits_for_the_final_answer() -> None:
    """Findings that need facts do not vanish while a new worker reads them again."""
    world = World()
    await world.open("AL")
    await world.answer(final=False)
    await world.answer(final=True)
    world.worker.generation += 1
    await world.change("AAL")
    await world.clock.advance(0.01)
    await world.answer(final=False)
    assert [(1, "A"), (1, "AL")] == world.client.shown

    await world.clock.advance(0.1)
    await world.answer(final=True)
    assert (2, "AAL") == world.client.shown[-1]


async def test_where_no_final_answer_can_be_had_the_first_is_shown() -> None:
    """A text that clang dies of is judged by its syntax, and the user is told."""
    world = World()
    await world.open("AL")
    await world.answer(final=False)
    await world.answer(final=True)
    world.worker.generation += 1
    await world.change("AAL")
    await world.clock.advance(0.1)
    await world.answer(final=False)
    for job in world.worker.pending(final=True):
        job.fail(JobFailed("it died"))
    await turn()
    await world.answer(final=False)

    assert (2, "AA") == world.client.shown[-1]
    assert ["a.cpp: it died"] == world.client.troubles


async def test_who_waits_for_an_answer_gets_that_of_the_newest_version() -> None:
    """However often the version changes meanwhile."""
    world = World()
    await world.open("A")
    waiting = asyncio.ensure_future(world.service.answer(URI))
    await world.change("AA")
    await world.answer(final=False)
    assert not waiting.done()

    await world.clock.advance(0.01)
    await world.answer(final=False)
    found = await waiting
    assert found is not None and found.document.version == 2


async def test_who_waits_is_let_go_when_the_document_closes() -> None:
    """There is no answer to a document that is not open."""
    world = World()
    await world.open("A")
    waiting = asyncio.ensure_future(world.service.answer(URI, final=True))
    await turn()
    world.service.close(URI)

    assert await waiting is None


async def test_who_waits_is_let_go_when_no_answer_can_be_had() -> None:
    """A worker that cannot be started leaves nobody hanging."""
    world = World()
    await world.open("A")
    waiting = asyncio.ensure_future(world.service.answer(URI))
    await turn()
    for job in list(world.worker.jobs):
        job.fail(JobFailed("it cannot be started"))
    await turn()
    for job in world.worker.pending(final=False):
        job.fail(JobFailed("it cannot be started"))

    assert await waiting is None


async def test_on_save_typing_is_not_analysed() -> None:
    """Only what is saved, or asked for."""
    world = World(Config(run="save"))
    await world.open("A")
    await world.answer(final=False)
    await world.answer(final=True)
    await world.change("AA")
    await world.clock.advance(1)
    assert [] == world.worker.pending(final=False)

    world.service.save(URI)
    await turn()
    await world.answer(final=False)
    assert (2, "AA") == world.client.shown[-1]


async def test_a_save_reads_the_other_documents_again() -> None:
    """They may include what was saved."""
    world = World()
    other = Path("/nowhere/b.cpp")
    await world.open("A", other)
    await world.open("B")
    await world.answer(final=False)
    await world.answer(final=True)
    world.service.save(URI)
    await turn()

    assert [b"A"] == [job.data for job in world.worker.pending(final=True)]


async def test_new_settings_answer_again_once_the_worker_has_them() -> None:
    """And a worker for a folder that is gone is ended."""
    world = World()
    await world.open("A")
    await world.answer(final=False)
    await world.answer(final=True)
    root = Path("/nowhere")
    world.service.configure(
        {None: Settings(Config(disable=("x",)), None, Path("/cache")), root: world.worker.settings}
    )
    assert ["configure", "close a.cpp"] == world.worker.log
    world.service.configure({None: world.worker.settings})
    await turn()
    world.worker.tell(Described({}, ()))
    await turn()

    assert [b"A"] == [job.data for job in world.worker.pending(final=True)]


async def test_a_proof_is_made_once() -> None:
    """Two who ask share it, and one who leaves does not end it for the other."""
    world = World()
    await world.open("A")
    await world.answer(final=False)
    answer = await world.service.answer(URI)
    assert answer is not None
    (finding,) = answer.report.findings
    first, second = (
        asyncio.ensure_future(world.service.prove(answer, finding, FIX)) for _ in range(2)
    )
    await turn()
    assert world.service.known_proof(answer, finding, FIX) is None
    first.cancel()
    await turn()
    (proof,) = world.worker.proofs
    proof.set_result(Proof.PROVEN)

    assert Proof.PROVEN is await second
    assert Proof.PROVEN is world.service.known_proof(answer, finding, FIX)
    await world.change("AA")
    assert world.service.known_proof(answer, finding, FIX) is None
    assert Proof.UNPROVEN is await world.service.prove(answer, finding, FIX)


async def test_a_proof_that_fails_proves_nothing() -> None:
    """A fix whose proof died is unproven."""
    world = World()
    await world.open("A")
    await world.answer(final=False)
    answer = await world.service.answer(URI)
    assert answer is not None
    asked = asyncio.ensure_future(world.service.prove(answer, answer.report.findings[0], FIX))
    await turn()
    world.worker.proofs[0].set_exception(JobFailed("it died"))

    assert Proof.UNPROVEN is await asked
    assert ((), ("no",)) == await world.service.fix_all(answer)


@pytest.mark.parametrize(
    ("recent", "expected"),
    [([], 0.05), ([0.01], 0.05), ([0.4, 9.0, 0.2], 0.2), ([9.0], 0.5)],
)
def test_the_wait_follows_what_analyses_take(recent: list[float], expected: float) -> None:
    """Half the median, within bounds."""
    assert expected == DebouncePolicy(min=0.05, max=0.5, ratio=0.5).wait(recent)


EVENTS = ("open", "change", "close", "save", "look", "first", "final", "supersede", "time", "death")


@given(
    st.lists(st.sampled_from(EVENTS), max_size=40),
    st.randoms(use_true_random=False),
    st.sampled_from(["type", "save"]),
)
@settings(deadline=None, max_examples=150)
def test_versions_never_go_backwards_and_nothing_follows_a_close(
    events: list[str], random: object, run: str
) -> None:
    """Invariant 6, over any order of what an editor and a worker can do."""
    asyncio.run(_law(events, random, run))


async def _law(events: list[str], random: object, run: str) -> None:
    world = World(Config(run=run))
    is_open, saved = False, 0
    await world.open("")
    world.service.close(URI)
    world.client.shown.clear()
    asked: list[asyncio.Future[Answer | None]] = []
    for event in events:
        before = len(world.client.shown)
        text = "".join(random.choices("AL ", k=4))  # type: ignore[attr-defined]
        if event == "open":
            await world.open(text)
            is_open, saved = True, world.version
        elif event == "change":
            await world.change(text)
        elif event == "close":
            world.service.close(URI)
            await turn()
        elif event == "save":
            world.service.save(URI)
            saved = world.version
            await turn()
        elif event == "look":  # as a code action does
            asked.append(asyncio.ensure_future(world.service.answer(URI)))
            await turn()
        elif event == "time":
            await world.clock.advance(0.05)
        elif event == "death":
            world.worker.generation += 1
        elif event == "supersede":
            for job in world.worker.pending(final=False)[:-1]:
                job.fail(Superseded())
            await turn()
        elif jobs := world.worker.pending(final=event == "final"):
            random.choice(jobs).answer()  # type: ignore[attr-defined]
            await turn()
        new = world.client.shown[before:]
        if event == "close":
            assert ([(None, URI)] if is_open else []) == new
            is_open = False
        elif not is_open:
            assert [] == new
        else:
            due = world.version if run == "type" else saved
            assert all(version in (None, due) for version, _ in new)
    for _ in range(6):
        await world.clock.advance(1)
        await world.answer(final=False)
        await world.answer(final=True)
    if is_open:
        document = world.service.document(URI)
        assert document is not None
        rules = "".join(item.rule for item in report(document.data, final=True).findings)
        if run == "type" or saved == world.version:
            assert (world.version, rules) == world.client.shown[-1]
    await world.service.stop()
    await asyncio.gather(*asked)
