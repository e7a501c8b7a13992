"""`tlsight fix`: applies the fixes that are proven, or shows them as a diff."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from tlsight.cli import files, output, pool
from tlsight.cli.check import read_targets
from tlsight.cli.project import Project, load_project
from tlsight.cli.status import Status, UsageError, status_of
from tlsight.finding import Report, Unanalysed
from tlsight.text import apply_edits
from tlsight.views import Answer, summarised, text, visible
from tlsight.views.diff import unified
from tlsight.worker.client import COMMAND, JobFailed, Worker


@dataclass(frozen=True)
class Options:
    """What `tlsight fix` was asked for."""

    paths: tuple[Path, ...]
    build: Path | None
    policy: str | None
    diff: bool
    unsafe: bool
    jobs: int


@dataclass(frozen=True)
class Mended:
    """A file, its text with the fixes in it, how many edits that took, and what was withheld.

    `after` is the report on the new text.
    """

    before: Answer
    target: files.Target
    data: bytes
    edits: int
    withheld: tuple[str, ...]
    after: Report


def fix(options: Options, command: Sequence[str] = COMMAND) -> Status:
    """Effect: mends the files in place, or writes the diff that would mend them.

    The exit status speaks of the files as they are afterwards.
    """
    project = load_project(options.paths, policy=options.policy, build=options.build)
    targets = read_targets(options.paths, project)
    outcomes = asyncio.run(_mended(targets, project, options, command))
    if options.diff:
        return _show(outcomes)
    return _apply(outcomes)


async def _mended(
    targets: Sequence[files.Target], project: Project, options: Options, command: Sequence[str]
) -> list[Mended]:
    async def do(worker: Worker, target: files.Target) -> Mended:
        return await _mend(worker, target, safe_only=not options.unsafe)

    outcomes: list[Mended] = []
    run = pool.run(targets, do, project.settings, options.jobs, command)
    with output.progress(len(targets)) as tick:
        async with aclosing(run):
            async for outcome in run:
                outcomes.append(outcome)
                tick(len(outcomes))
    return outcomes


async def _mend(worker: Worker, target: files.Target, *, safe_only: bool) -> Mended:
    try:
        data = files.read_text(target.path)
    except files.Unreadable as error:
        report = Report(unanalysed=(Unanalysed(str(error)),))
        return Mended(Answer(target.shown, target.uri, b"", report), target, b"", 0, (), report)
    before = await pool.analysed(worker, target.path, data)
    answer = Answer(target.shown, target.uri, data, before)
    if not before.findings or not before.final:
        return Mended(answer, target, data, 0, (), before)
    try:
        edits, withheld = await worker.fix_all(target.path, data, safe_only)
        new = apply_edits(data, edits)
        after = await worker.final(target.path, new) if edits else before
    except JobFailed as error:
        reason = f"no fix was applied, for the analysis failed: {error}"
        return Mended(answer, target, data, 0, (reason,), before)
    finally:
        worker.close(target.path)
    return Mended(answer, target, new, len(edits), withheld, after)


def _show(outcomes: Sequence[Mended]) -> Status:
    """Effect: writes the diff to the standard output, and everything else to the other."""
    for outcome in outcomes:
        output.write_bytes(unified(outcome.before.path, outcome.before.data, outcome.data))
    _say_withheld(outcomes)
    return status_of(summarised(outcome.before for outcome in outcomes))


def _apply(outcomes: Sequence[Mended]) -> Status:
    """Effect: writes the mended files, each in one step, and says what was done."""
    failures: list[str] = []
    shown = output.console(sys.stdout)
    after: list[Answer] = []
    for outcome in outcomes:
        answer = outcome.before
        written = False
        try:
            written = _write(outcome)
        except UsageError as error:
            failures += error.args
        if written:
            answer = Answer(answer.path, answer.uri, outcome.data, outcome.after)
            line = Text(f"{visible(answer.path)}: ", style="bold")
            edits = "1 edit" if outcome.edits == 1 else f"{outcome.edits} edits"
            shown.print(line.append(f"mended with {edits}", style="not bold green"))
        after.append(answer)
    _say_withheld(outcomes)
    for line in text.unanalysed(after):
        shown.print(line)
    shown.print(text.closing(summarised(after)))
    if failures:
        raise UsageError(*failures)
    return status_of(summarised(after))


def _write(outcome: Mended) -> bool:
    """Effect: writes a file if it needs it, and if nobody has changed it in the meantime."""
    if outcome.data == outcome.before.data:
        return False
    try:
        unchanged = files.read_text(outcome.target.path) == outcome.before.data
    except files.Unreadable as error:
        raise UsageError(f"'{outcome.before.path}': {error}") from error
    if not unchanged:
        raise UsageError(f"'{outcome.before.path}' changed while it was read; run the fix again")
    files.write_whole(outcome.target.path, outcome.data)
    return True


def _say_withheld(outcomes: Sequence[Mended]) -> None:
    terminal = output.console(sys.stderr)
    for outcome in outcomes:
        for reason in outcome.withheld:
            line = Text(f"{visible(outcome.before.path)}: ", style="bold")
            terminal.print(line.append(f"not fixed: {visible(reason)}", style="not bold"))
