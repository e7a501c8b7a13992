"""Builds the VSIX of one platform, with the server and all that it needs inside.

pip fetches the wheels of every Python that is supported; what is the same for all of them is
stored once. Nothing of it is compiled here, so that any machine can build for any platform.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
LIBS = HERE / "python" / "libs"

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


class Platform(NamedTuple):
    """What pip and the markers of requirements call a platform of VS Code."""

    tags: tuple[str, ...]
    system: str
    machine: str


def _manylinux(machine: str) -> tuple[str, ...]:
    minors = (28, 17, 12, 5)
    names = [f"manylinux_2_{minor}_{machine}" for minor in minors]
    return (*names, f"manylinux2014_{machine}", f"manylinux2010_{machine}")


def _macos(machine: str) -> tuple[str, ...]:
    versions = [f"{major}_0" for major in (13, 12, 11)]
    older = [f"10_{minor}" for minor in (15, 13, 9)] if machine == "x86_64" else []
    kinds = (machine, "universal2")
    return tuple(f"macosx_{version}_{kind}" for version in versions + older for kind in kinds)


PLATFORMS = {
    "linux-x64": Platform(_manylinux("x86_64"), "linux", "x86_64"),
    "linux-arm64": Platform(_manylinux("aarch64"), "linux", "aarch64"),
    "alpine-x64": Platform(("musllinux_1_2_x86_64", "musllinux_1_1_x86_64"), "linux", "x86_64"),
    "darwin-x64": Platform(_macos("x86_64"), "darwin", "x86_64"),
    "darwin-arm64": Platform(_macos("arm64"), "darwin", "arm64"),
    "win32-x64": Platform(("win_amd64",), "win32", "AMD64"),
    "win32-arm64": Platform(("win_arm64",), "win32", "ARM64"),
}
"""The platforms that every package has wheels for."""


def bundle(target: str, pythons: tuple[str, ...]) -> None:
    """Effect: fills `python/libs` with what the server needs on a platform."""
    shutil.rmtree(LIBS, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = _own_wheel(folder / "own")
        wheels = {
            python: _fetched(own, folder / python, PLATFORMS[target], python) for python in pythons
        }
        names = [{wheel.name for wheel in found} for found in wheels.values()]
        common = set.intersection(*names) if len(names) > 1 else set()
        for python, found in wheels.items():
            own_folder = LIBS / f"cp{python.replace('.', '')}"
            own_folder.mkdir(parents=True)
            for wheel in found:
                _unpack(wheel, LIBS / "all" if wheel.name in common else own_folder)


def _own_wheel(folder: Path) -> Path:
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _fetched(own: Path, folder: Path, platform: Platform, python: str) -> list[Path]:
    """Effect: downloads the wheels for one Python.

    pip judges markers by the Python that it runs on, so what the wheels ask for on the other one
    is looked up here, until nothing is missing.
    """
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform.system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[
            platform.system
        ],
        "platform_machine": platform.machine,
        "os_name": "nt" if platform.system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    asked = [str(own)]
    while True:
        tags = [part for tag in platform.tags for part in ("--platform", tag)]
        version = ("--implementation", "cp", "--python-version", python)
        options = ("-q", "--only-binary=:all:", "-d", str(folder), *version, *tags)
        _run(sys.executable, "-m", "pip", "download", *options, *asked)
        wheels = {parse_wheel_filename(file.name)[0]: file for file in folder.glob("*.whl")}
        needed = _needed(canonicalize_name("tlsight"), wheels, environment)
        missing = sorted(text for name, text in needed.items() if name not in wheels)
        if not missing:
            return sorted(file for name, file in wheels.items() if name in needed)
        asked += missing


def _needed(start: str, wheels: dict[str, Path], environment: dict[str, str]) -> dict[str, str]:
    """Every package that is asked for from `start` on, with what it is asked for as."""
    needed = {start: start}
    waiting: list[tuple[str, frozenset[str]]] = [(start, frozenset())]
    seen = set(waiting)
    while waiting:
        package, extras = waiting.pop()
        if package not in wheels:
            continue
        for text in _requirements(wheels[package]):
            wanted = Requirement(text)
            there = (
                wanted.marker is None
                or wanted.marker.evaluate({**environment, "extra": ""})
                or any(wanted.marker.evaluate({**environment, "extra": item}) for item in extras)
            )
            name = canonicalize_name(wanted.name)
            item = (name, frozenset(wanted.extras))
            if there and item not in seen:
                wanted.marker = None
                needed.setdefault(name, str(wanted))
                seen.add(item)
                waiting.append(item)
    return needed


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(item for item in archive.namelist() if item.endswith(".dist-info/METADATA"))
        message = Parser().parsestr(archive.read(name).decode())
    return message.get_all("Requires-Dist", [])


def _unpack(wheel: Path, folder: Path) -> None:
    """Effect: puts the modules of a wheel into a folder; scripts and the like are left out."""
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            _, is_data, rest = item.filename.partition(".data/")
            if is_data:
                kind, _, item.filename = rest.partition("/")
                if kind not in ("purelib", "platlib"):
                    continue
            archive.extract(item, folder)


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True)


def main() -> None:
    """Effect: builds what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--target", required=True, choices=PLATFORMS)
    parser.add_argument("--python", nargs="+", choices=PYTHONS, default=PYTHONS)
    parser.add_argument("--output", type=Path, default=HERE / "dist")
    arguments = parser.parse_args()
    bundle(arguments.target, tuple(arguments.python))
    shutil.copy(ROOT / "LICENSE", HERE / "LICENSE")
    shutil.copy(ROOT / "tests" / "examples" / "server.c", HERE / "media" / "example.c")
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    file = output / f"tlsight-{arguments.target}.vsix"
    vsce = str(HERE / "node_modules" / "@vscode" / "vsce" / "vsce")
    options = ("--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links")
    _run("node", vsce, "package", *options, "--target", arguments.target, "-o", str(file), cwd=HERE)
    print(file)  # noqa: T201


if __name__ == "__main__":
    main()
