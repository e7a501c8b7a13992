"""All files of the folders that are open, analysed once, as the command line does.

Documents that are open have answers of their own, and are left alone here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from tlsight.cli import files, pool
from tlsight.cli.status import UsageError
from tlsight.finding import Report, Unanalysed
from tlsight.service import Answer
from tlsight.text import Document
from tlsight.worker.client import Worker
from tlsight.worker.protocol import Settings


@dataclass(frozen=True)
class Checked:
    """The answer to one file of a folder, and how many of how many files are done."""

    root: Path
    path: Path
    answer: Answer
    done: int
    total: int


@dataclass(frozen=True)
class Shown:
    """What is shown of a file that is not open: true for as long as the file holds this text."""

    uri: str
    items: list[types.Diagnostic]
    _digest: bytes

    @classmethod
    def of(cls, document: Document, items: list[types.Diagnostic]) -> Shown:
        """What is shown of a text."""
        return cls(document.uri, items, hashlib.sha256(document.data).digest())

    def holds(self, path: Path) -> bool:
        """Effect: reads the file, and says whether it still holds the text."""
        try:
            return hashlib.sha256(path.read_bytes()).digest() == self._digest
        except OSError:
            return False


async def checked(
    settings: Mapping[Path | None, Settings],
    but: Collection[Path],
    command: Sequence[str],
    evidence: bool = False,
) -> AsyncGenerator[Checked, None]:
    """Effect: analyses the files of all folders in processes of its own; yields as they come.

    Half of the processors are left to the editor.
    """
    answer_one = partial(_answer, evidence=evidence)
    targets = await asyncio.to_thread(_targets, settings, but)
    total, done = sum(map(len, targets.values())), 0
    count = max(1, (os.cpu_count() or 1) // 2)
    for root, paths in targets.items():
        async with aclosing(pool.run(paths, answer_one, settings[root], count, command)) as answers:
            async for path, answer in answers:
                done += 1
                yield Checked(root, path, answer, done, total)


def path_of(uri: str) -> Path | None:
    """The file that a URI names, if it names one."""
    name = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(name) if name else None


def _targets(
    settings: Mapping[Path | None, Settings], but: Collection[Path]
) -> Mapping[Path, Sequence[Path]]:
    """Effect: looks for the files of each folder; each belongs to the innermost that holds it."""
    seen = set(but)
    targets: dict[Path, Sequence[Path]] = {}
    for root in sorted(filter(None, settings), key=lambda root: -len(root.parts)):
        try:
            found = files.find_targets([root], settings[root].config.exclude, root)
        except UsageError:
            continue  # there is nothing to analyse in it
        targets[root] = [target.path for target in found if target.path not in seen]
        seen.update(targets[root])
    return targets


async def _answer(worker: Worker, path: Path, evidence: bool) -> tuple[Path, Answer]:
    document = Document(path.as_uri(), 0, b"")
    try:
        data = await asyncio.to_thread(files.read_text, path)
    except files.Unreadable as error:
        return path, Answer(document, Report(unanalysed=(Unanalysed(str(error)),)))
    report = await pool.analysed(worker, path, data, evidence)
    worker.close(path)
    return path, Answer(Document(document.uri, 0, data), report)
