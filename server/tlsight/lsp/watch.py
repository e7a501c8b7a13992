"""What stands beside the documents and changes without the editor saying so: files, and the parent.

A client that can watch files is asked to; for one that cannot, the time stamps of the files that
matter are compared when a document is opened or saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil
from lsprotocol import types

from tlsight.config import PROJECT_FILE
from tlsight.lsp.client import ClientInfo
from tlsight.worker.protocol import Settings

COMMANDS = ("compile_commands.json", "compile_flags.txt")
PAGES = "*.md"

PARENT_INTERVAL = 0.5
"""Seconds between looks at the parent process."""


def watchers(
    settings: Mapping[Path | None, Settings], client: ClientInfo
) -> list[types.FileSystemWatcher]:
    """What a client should watch: anywhere in its folders, and pages wherever they are."""
    patterns: list[types.GlobPattern] = [f"**/{name}" for name in (*COMMANDS, PROJECT_FILE)]
    for root, setting in settings.items():
        for folder in setting.config.rules:
            place = root / folder if root else Path(folder)
            if client.watches_outside and place.is_absolute():
                patterns.append(types.RelativePattern(place.as_uri(), f"**/{PAGES}"))
            elif root and place.is_relative_to(root):
                patterns.append(f"**/{place.relative_to(root).as_posix()}/**/{PAGES}")
    return [types.FileSystemWatcher(pattern) for pattern in patterns]


def stamps(settings: Mapping[Path | None, Settings]) -> Mapping[Path, int]:
    """Effect: reads when the files that matter were last changed."""
    found: dict[Path, int] = {}
    for file in _files(settings):
        try:
            found[file] = file.stat().st_mtime_ns
        except OSError:
            continue
    return found


async def parent_gone(pid: int, then: Callable[[], None]) -> None:
    """Effect: waits until a process has ended; one that cannot be seen at all is not waited for.

    Never signals it, since on Windows a signal is the end of a process.
    """
    try:
        parent = psutil.Process(pid)
    except psutil.Error:
        return
    while _runs(parent):
        await asyncio.sleep(PARENT_INTERVAL)
    then()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _files(settings: Mapping[Path | None, Settings]) -> Iterable[Path]:
    for root, setting in settings.items():
        if root is None:
            continue
        yield root / PROJECT_FILE
        folders = [root, *sorted(root.glob("build*"))]
        if setting.config.build:
            folders.append(root / setting.config.build)
        for folder in folders:
            for name in COMMANDS:
                yield folder / name
        for rules in setting.config.rules:
            yield from sorted((root / rules).rglob(PAGES))
