"""What the processes of a run share, and a tool that is fetched once for a machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import pytest

MULTITOOL = Path(__file__).parent / "sarif_multitool"


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


def multitool() -> Path:
    """Effect: fetches Microsoft's tool for SARIF if it is not there, outside of the checkout."""
    lock = (MULTITOOL / "package-lock.json").read_bytes()
    name = f"sarif-{hashlib.sha256(lock).hexdigest()[:16]}"
    cache = Path(platformdirs.user_cache_dir("tlsight-tests"))
    folder = cache / name
    with locked(cache / "sarif"):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(MULTITOOL / file, folder)
            run(folder, os.environ, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            _program(folder).chmod(0o755)
            (folder / "ready").touch()
    return _program(folder)


def run(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    """Effect: runs a command; what it printed is told if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def _program(folder: Path) -> Path:
    """The program that npm has chosen for this system."""
    (found,) = (folder / "node_modules" / "@microsoft").glob("sarif-multitool-*/Sarif.Multitool")
    return found
