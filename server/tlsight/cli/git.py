"""Asks git about a repository that is not trusted: nothing that it brings along may run.

Its own configuration can name programs for git to start: file system monitors, hooks, filters,
differs, and the transports by which a partial clone fetches what it lacks. All of them are switched
off here, and git never writes. What the user's own configuration names stays as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tlsight.cli.status import UsageError

_FIXED = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "core.quotePath=false")
_FOREIGN = ("local", "worktree")
"""The scopes of configuration that a repository brings along, with all that they include."""
_FILTERS = r"^filter\..*\.(clean|process|smudge|required)$"
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Repository:
    """A working tree: its top folder, and the settings that make it harmless."""

    top: Path
    settings: tuple[str, ...]


class GitFailed(UsageError):
    """What git said when it could not do what it was asked, and its exit status."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said or f"git ended with status {status}")
        self.status = status


def opened(folder: Path) -> Repository:
    """Effect: finds the repository that a folder lies in, and makes it harmless."""
    try:
        top = _run(folder, _FIXED, "rev-parse", "--show-toplevel")
    except GitFailed as error:
        raise UsageError(
            f"git finds no repository at '{folder}', which --changed-since needs ({error})"
        ) from error
    return Repository(Path(os.fsdecode(top.removesuffix(b"\n"))).resolve(), _harmless(folder))


def asked(repository: Repository, *arguments: str) -> bytes:
    """Effect: what git answers at the top of a repository; raises `GitFailed` with its reason."""
    return _run(repository.top, repository.settings, *arguments)


def _harmless(folder: Path) -> tuple[str, ...]:
    """Effect: reads which filters the repository defines. Each is named again, with no command."""
    return (*_FIXED, *(setting for name in sorted(_filters(folder)) for setting in _emptied(name)))


def _filters(folder: Path) -> set[str]:
    query = ("config", "--show-scope", "--null", "--includes", "--name-only", "--get-regexp")
    try:
        told = _run(folder, _FIXED, *query, _FILTERS)
    except GitFailed as error:
        if error.status != 1:
            raise
        return set()  # there is none
    scopes_and_keys = iter(os.fsdecode(told).split("\0"))
    pairs = zip(scopes_and_keys, scopes_and_keys, strict=False)
    return {key.rpartition(".")[0] for scope, key in pairs if scope in _FOREIGN}


def _emptied(name: str) -> Iterator[str]:
    if "=" in name:
        # An argument `-c name=value` ends the name at the first of them.
        raise UsageError(f"git's configuration here has a '{name}', a name that cannot be judged")
    yield from (f"{name}.{key}=" for key in ("clean", "process", "smudge"))
    yield f"{name}.required=false"


def _run(folder: Path, settings: tuple[str, ...], *arguments: str) -> bytes:
    options = [part for setting in settings for part in ("-c", setting)]
    command = ["git", "--no-pager", "-C", str(folder), *options, *arguments]
    try:
        done = subprocess.run(
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise UsageError(
            f"git cannot be started ({error.strerror}); --changed-since needs it: install git"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise GitFailed(re.sub(r"\s+", " ", said), done.returncode)
    return done.stdout


def _environment() -> Mapping[str, str]:
    """What git sees. In a hook, variables point it to one repository, whatever it is asked for."""
    kept = {key: value for key, value in os.environ.items() if key not in _LOCAL}
    return {**kept, **_ENVIRONMENT}


_LOCAL = frozenset(
    {
        *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_DIR"),
        *("GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE"),
        *("GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH"),
        *("GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
    }
)
"""As `git rev-parse --local-env-vars` lists them, but for configuration: that is the user's own."""
