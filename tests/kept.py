"""What the processes of a run share, and tools that are fetched once for a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Effect: keeps other processes out, until they may use what was made meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def of_this_run(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder for all processes of this run of the tests."""
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name


def fetched(name: str, version: str, fetch: Callable[[Path], None]) -> Path:
    """Effect: has a tool fetched into a folder, outside of the checkout, if it is not there."""
    cache = Path(platformdirs.user_cache_dir("tlsight-tests"))
    folder = cache / f"{name}-{version}"
    with locked(cache / name):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fetch(folder)
            (folder / "ready").touch()
    return folder


def npm_version(wanted: Path) -> str:
    """A name for just the packages that a folder's lock file lists."""
    return hashlib.sha256((wanted / "package-lock.json").read_bytes()).hexdigest()[:16]


def npm_install(wanted: Path, folder: Path) -> None:
    """Effect: fetches what a folder's lock file lists into another folder; runs nothing of it."""
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(wanted / file, folder)
    run(folder, os.environ, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def run(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    """Effect: runs a command; what it printed is told if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout
