"""`tlsight review`: what is wrong, what holds and what stays open, as one document for people."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.markdown import Markdown

import tlsight
from tlsight.cli import files, output, pool
from tlsight.cli.check import answered, read_targets
from tlsight.cli.project import Project, load_project
from tlsight.cli.status import Status, status_of
from tlsight.views import Answer, review_html, review_json, review_markdown, text
from tlsight.views.review import made
from tlsight.worker.client import COMMAND

FORMATS = {
    "md": review_markdown.render,
    "html": review_html.render,
    "json": review_json.render,
}


@dataclass(frozen=True)
class Options:
    """What `tlsight review` was asked for."""

    paths: tuple[Path, ...]
    build: Path | None
    policy: str | None
    format: str
    output: Path | None
    jobs: int
    allow_unanalysed: bool = False


def review(options: Options, command: Sequence[str] = COMMAND) -> Status:
    """Effect: analyses the files, and writes one review of all of them."""
    if options.output:
        files.check_writable(options.output)
    project = load_project(options.paths, policy=options.policy, build=options.build)
    targets = read_targets(options.paths, project)
    answers = asyncio.run(_answers(targets, project, options.jobs, command))
    outcome = made(answers, project.rulebook, project.config, tool_version=tlsight.__version__)
    document = FORMATS[options.format](outcome)
    if options.output:
        files.write_whole(options.output, document.encode())
        output.console(sys.stderr).print(text.closing(outcome.summary))
    elif options.format == "md" and (terminal := output.console(sys.stdout)).is_terminal:
        terminal.print(Markdown(document), soft_wrap=False)
    else:
        output.write_bytes(document.encode())
    return status_of(outcome.summary, allow_unanalysed=options.allow_unanalysed)


async def _answers(
    targets: Sequence[files.Target], project: Project, jobs: int, command: Sequence[str]
) -> list[Answer]:
    """Effect: analyses all files; tells on a terminal how many are done."""
    answers: list[Answer] = []
    run = pool.run(targets, partial(answered, evidence=True), project.settings, jobs, command)
    with output.progress(len(targets)) as tick:
        async with aclosing(run):
            async for answer in run:
                answers.append(answer)
                tick(len(answers))
    return answers
