"""The review of a document that is open, or of all files of the folders, as the editor asks for it.

What is open is reviewed as it stands in the editor, by the process that knows it already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

import tlsight
from tlsight import views
from tlsight.cli.review import FORMATS
from tlsight.config import Config
from tlsight.lsp import workspace
from tlsight.rule import Rulebook, frozen
from tlsight.rulebook import load
from tlsight.service import Answer, Service
from tlsight.views import review_html
from tlsight.views.review import made
from tlsight.worker.protocol import Settings

COMMAND = "tlsight.review"
BEGUN = types.WorkDoneProgressBegin(
    title="tlsight", message="reviewing", cancellable=True, percentage=0
)


@dataclass(frozen=True)
class Asked:
    """What is to be reviewed, everything if no document is named, and as what."""

    uri: str | None
    format: str


@dataclass(frozen=True)
class Read:
    """One file of a review, and how far that is."""

    answer: views.Answer
    root: Path | None
    done: int
    total: int


def asked(arguments: Sequence[Any] | None) -> Asked:
    """The arguments of the command: none, or one table with `uri` and `format`."""
    wanted = arguments[0] if arguments else {}
    if not isinstance(wanted, Mapping) or len(arguments or ()) > 1:
        raise _wrong("the argument must be one table, with 'uri' and 'format' if they are wanted")
    uri, form = wanted.get("uri"), wanted.get("format", "html")
    if uri is not None and not isinstance(uri, str):
        raise _wrong("'uri' must be the URI of a document that is open")
    if form not in FORMATS:
        raise _wrong(f"'format' must be one of {', '.join(FORMATS)}")
    return Asked(uri, form)


async def read(
    service: Service,
    settings: Mapping[Path | None, Settings],
    uri: str | None,
    command: Sequence[str],
) -> AsyncGenerator[Read, None]:
    """Effect: analyses what is asked for, with evidence; yields as it comes."""
    if uri is not None:
        answer = await service.evidence(uri)
        if answer is None:
            raise _wrong(f"{uri} is not open, or no C or C++")
        yield _read(answer, service.root(uri), 1, 1)
        return
    opened = dict(service.files())
    done = 0
    for other in opened.values():
        root = service.root(other)
        if (answer := await service.evidence(other)) is not None:
            done += 1
            yield _read(answer, root, done, len(opened))
    run = workspace.checked(settings, opened.keys(), command, evidence=True)
    async with aclosing(run):
        async for item in run:
            yield _read(item.answer, item.root, done + item.done, done + item.total)


def written(files: Sequence[Read], settings: Mapping[Path | None, Settings], form: str) -> str:
    """Effect: reads the rule pages, and writes the review; it takes a second."""
    roots = dict.fromkeys(file.root for file in files) or dict.fromkeys(settings)
    config, rulebook = _together([settings[root].config for root in roots if root in settings])
    answers = [file.answer for file in sorted(files, key=lambda file: file.answer.path)]
    outcome = made(answers, rulebook, config, tool_version=tlsight.__version__)
    return review_html.render(outcome, linked=True) if form == "html" else FORMATS[form](outcome)


def progress(file: Read) -> types.WorkDoneProgressReport:
    """How far a review is."""
    message = f"{file.done} of {file.total}: {file.answer.path}"
    return types.WorkDoneProgressReport(
        message=message, percentage=100 * file.done // file.total, cancellable=True
    )


def _read(answer: Answer, root: Path | None, done: int, total: int) -> Read:
    document = answer.document
    path = _path(document.uri, root)
    return Read(views.Answer(path, document.uri, document.data, answer.report), root, done, total)


def _path(uri: str, root: Path | None) -> str:
    path = workspace.path_of(uri)
    if path is None:
        return uri
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name


def _together(configs: Sequence[Config]) -> tuple[Config, Rulebook]:
    """Effect: reads the pages of all folders; a rule is off only where it is so for all of them."""
    configs = configs or [Config()]
    books = [
        load(policy, [Path(folder) for folder in folders])
        for policy, folders in dict.fromkeys((item.policy, item.rules) for item in configs)
    ]
    rulebook = replace(
        books[0],
        properties=frozen({name: item for book in books for name, item in book.properties.items()}),
        libraries=frozen({name: item for book in books for name, item in book.libraries.items()}),
    )
    config = replace(
        configs[0],
        enable=tuple(dict.fromkeys(rule for item in configs for rule in item.enable)),
        disable=tuple(
            rule for rule in configs[0].disable if all(rule in item.disable for item in configs)
        ),
    )
    return config, rulebook


def _wrong(message: str) -> JsonRpcInvalidParams:
    return JsonRpcInvalidParams(message=message)
