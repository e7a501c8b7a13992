"""`tlsight check`: findings in files and folders, as text, JSON, SARIF or for GitLab."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.text import Text

import tlsight
from tlsight.cli import changes, files, output, pool
from tlsight.cli.project import Project, load_project
from tlsight.cli.status import Status, UsageError, status_of
from tlsight.finding import Report, Severity, Unanalysed
from tlsight.rule import Property
from tlsight.views import Answer, gitlab, json, sarif, summarised, text
from tlsight.worker.client import COMMAND, Worker


@dataclass(frozen=True)
class Options:
    """What `tlsight check` was asked for."""

    paths: tuple[Path, ...]
    build: Path | None
    policy: str | None
    format: str
    output: Path | None
    threshold: Severity
    jobs: int
    since: str | None = None
    """The revision since which a line must have changed to be spoken of."""
    allow_unanalysed: bool = False
    evidence: bool = False
    """Show also what is right, and what could not be decided."""


def check(options: Options, command: Sequence[str] = COMMAND) -> Status:
    """Effect: analyses the files and writes what was found."""
    if options.evidence and options.format == "gitlab":
        raise UsageError("--evidence: the format gitlab has no place for it; take json or sarif")
    if options.output:
        files.check_writable(options.output)
    project = load_project(options.paths, policy=options.policy, build=options.build)
    targets = read_targets(options.paths, project)
    changed = None
    if options.since is not None:
        changed = changes.since(options.since, options.paths)
        targets = tuple(target for target in targets if target.path in changed)
    answers = asyncio.run(_answers(targets, changed, project, options, command))
    summary = summarised(answers)
    status = status_of(summary, allow_unanalysed=options.allow_unanalysed)
    if options.format == "text":
        _write_text(answers, options)
    elif options.format == "json":
        document = json.render(answers, project.rulebook, tool_version=tlsight.__version__)
        _write(document.encode(), options)
    elif options.format == "gitlab":
        _write(gitlab.render(answers).encode(), options)
    else:
        run = sarif.Run(tlsight.__version__, _root_uri(project), int(status), _help_uri)
        _write(sarif.render(answers, project.rulebook, run).encode(), options)
    if options.output:
        output.console(sys.stderr).print(text.closing(summary, options.since))
    return status


def read_targets(paths: Sequence[Path], project: Project) -> tuple[files.Target, ...]:
    """Effect: finds the files that are meant; raises `UsageError` for one that cannot be read."""
    targets = files.find_targets(paths, project.config.exclude, project.root)
    named = {path.resolve() for path in paths}
    for target in targets:
        if target.path in named:
            try:
                files.read_text(target.path)
            except files.Unreadable as error:
                raise UsageError(f"'{target.shown}': {error}") from error
    return targets


async def _answers(
    targets: Sequence[files.Target],
    changed: Mapping[Path, Sequence[changes.Lines]] | None,
    project: Project,
    options: Options,
    command: Sequence[str],
) -> list[Answer]:
    """Effect: analyses all files; as text on a terminal or a pipe, shows each as it comes."""
    shown = output.console(sys.stdout) if _is_streamed(options) else None
    answers: list[Answer] = []
    answer_one = partial(answered, evidence=options.evidence)
    run = pool.run(targets, answer_one, project.settings, options.jobs, command)
    with output.progress(len(targets)) as tick:
        async with aclosing(run):
            async for answer in run:
                if changed is not None:
                    answer = changes.narrowed(answer, changed[targets[len(answers)].path])
                answers.append(answer.filtered(options.threshold))
                tick(len(answers))
                if shown:
                    for block in _blocks(answers[-1]):
                        shown.print(block)
    return answers


async def answered(worker: Worker, target: files.Target, evidence: bool) -> Answer:
    """Effect: reads a file and has it analysed; one that cannot be read is told as such."""
    try:
        data = files.read_text(target.path)
    except files.Unreadable as error:
        report = Report(unanalysed=(Unanalysed(str(error)),))
        return Answer(target.shown, target.uri, b"", report)
    report = await pool.analysed(worker, target.path, data, evidence)
    worker.close(target.path)
    return Answer(target.shown, target.uri, data, report)


def _is_streamed(options: Options) -> bool:
    return options.format == "text" and options.output is None


def _write_text(answers: Sequence[Answer], options: Options) -> None:
    if options.output:
        found = [block for answer in answers for block in _blocks(answer)]
        files.write_whole(options.output, output.plain([*found, *_trailer(answers, options)]))
        return
    shown = output.console(sys.stdout)
    for block in _trailer(answers, options):
        shown.print(block)


def _blocks(answer: Answer) -> Iterator[Text]:
    yield from text.findings(answer)
    yield from text.evidence(answer)


def _trailer(answers: Sequence[Answer], options: Options) -> Iterator[Text]:
    yield from text.unanalysed(answers)
    if headers := text.missing_headers(answers):
        yield headers
    yield text.closing(summarised(answers), options.since)


def _write(document: bytes, options: Options) -> None:
    if options.output:
        files.write_whole(options.output, document)
    else:
        output.write_bytes(document)


def _root_uri(project: Project) -> str:
    return (project.root or Path.cwd()).as_uri().rstrip("/") + "/"


def _help_uri(rule: Property) -> str | None:
    """The page as a file, where it is one."""
    name, _, line = rule.place.rpartition(":")
    page = Path(name if line.isdigit() else rule.place)
    return page.resolve().as_uri() if page.is_file() else None
