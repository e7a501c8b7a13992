"""Fetch the corpus: Debian's sources of nine packages, and a compile database for each.

Run as root on Debian bookworm: `python tests/corpus/fetch.py`. What is there already is kept.
Nothing is compiled: a database comes from CMake, or from what `make` would do.
The sources go to $TLSIGHT_CORPUS, or to a folder of the user's cache.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
APT = Path("/etc/apt")
OWN_SOURCES = APT / "sources.list.d" / "tlsight-corpus.sources"
Command = dict[str, object]


@dataclass(frozen=True)
class Package:
    """A source package, what its database needs installed, and how the database is made."""

    name: str
    version: str
    """The upstream version that bookworm stays at; Debian's revisions of it are patches."""
    needs: tuple[str, ...]
    prepare: Callable[[Path, Path], list[Command]]
    only: str = ""
    """A regular expression: of the files, those that it is found in. The rest is never read."""


def main() -> int:
    """Effect: install, download and write what is missing; 0 if all is there."""
    start = time.monotonic()
    root = corpus()
    root.mkdir(parents=True, exist_ok=True)
    missing = [package for package in PACKAGES if not database(root, package.name).exists()]
    if missing:
        _enable_sources()
        needs = sorted({name for package in missing for name in ("dpkg-dev", *package.needs)})
        _install(needs)
    for package in missing:
        began = time.monotonic()
        source = _source(root, package)
        build = database(root, package.name).parent
        build.mkdir(parents=True, exist_ok=True)
        commands = [
            command
            for command in package.prepare(source, build)
            if not package.only or _mentions(Path(str(command["file"])), package.only)
        ]
        database(root, package.name).write_text(json.dumps(commands, indent=1), encoding="utf-8")
        _say(f"{package.name}: {len(commands)} files in {time.monotonic() - began:.0f} s")
    _say(f"corpus of {len(PACKAGES)} packages in {root}: {time.monotonic() - start:.0f} s")
    return 0


def corpus() -> Path:
    """The folder of the corpus."""
    stated = os.environ.get("TLSIGHT_CORPUS")
    if stated:
        return Path(stated)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tlsight-corpus"


def database(root: Path, name: str) -> Path:
    """The compile database of a package."""
    return root / "build" / name / "compile_commands.json"


def source_folder(root: Path, name: str) -> Path | None:
    """The unpacked sources of a package, if they are there."""
    folders = [root / name, *sorted(root.glob(f"{name}-[0-9]*"))]
    return next((folder for folder in folders if folder.is_dir()), None)


def _enable_sources() -> None:
    """Effect: add a deb-src entry beside each entry that apt has for this release."""
    files = [APT / "sources.list", *sorted(APT.glob("sources.list.d/*"))]
    texts = {file: file.read_text(encoding="utf-8") for file in files if file.is_file()}
    if not any(re.search(r"(?m)^(Types:.*)?\bdeb-src\b", text) for text in texts.values()):
        entries = [entry for file, text in texts.items() for entry in _with_source(file, text)]
        OWN_SOURCES.write_text("\n\n".join(entries) + "\n", encoding="utf-8")
    _run("apt-get", "update", "-q")


def _with_source(file: Path, text: str) -> Iterator[str]:
    if file.suffix == ".sources":
        for stanza in re.split(r"\n\s*\n", text.strip()):
            if re.search(rf"(?m)^Suites:(.*\s)?{SUITE}\b", stanza):
                yield re.sub(r"(?m)^Types:.*$", "Types: deb-src", stanza)
        return
    for line in re.findall(rf"(?m)^deb\s.*\s{SUITE}\S*\s.*$", text):
        options, uri, suite, *components = _words_of_entry(line)
        signed = re.search(r"signed-by=([^\s\]]+)", options)
        yield "\n".join(
            (
                "Types: deb-src",
                f"URIs: {uri}",
                f"Suites: {suite}",
                f"Components: {' '.join(components)}",
                *([f"Signed-By: {signed[1]}"] if signed else []),
            )
        )


def _words_of_entry(line: str) -> list[str]:
    match = re.match(r"deb\s+(\[[^\]]*\])?\s*(.*)", line)
    return [match[1] or "", *match[2].split()] if match else []


def _install(names: Sequence[str]) -> None:
    _run("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)


def _mentions(file: Path, pattern: str) -> bool:
    """Whether a file is there (what a build generates is not), and a pattern is found in it."""
    return file.exists() and bool(re.search(pattern, file.read_text(errors="replace")))


def _source(root: Path, package: Package) -> Path:
    """Effect: the sources of a package, downloaded unless they are there."""
    folder = source_folder(root, package.name)
    if folder is not None:
        return folder
    wanted = f"{package.name}/{SUITE}"
    whole = _run("apt-get", "source", "-q", wanted, cwd=root, check=False)
    folder = source_folder(root, package.name)
    if whole and folder is not None:
        return folder
    _run("apt-get", "source", "-q", "--tar-only", "--download-only", wanted, cwd=root)
    tars = sorted(root.glob(f"{package.name}_{package.version}*.orig.tar.*"))
    tars = [tar for tar in tars if tar.suffix != ".asc"]
    if not tars:
        raise SystemExit(f"{package.name}: no sources of version {package.version} in {SUITE}")
    folder = root / package.name
    unpacked = root / f"{package.name}.unpacked"
    with tarfile.open(tars[-1]) as tar:
        tar.extractall(unpacked)
    inside = list(unpacked.iterdir())
    (inside[0] if len(inside) == 1 else unpacked).rename(folder)
    shutil.rmtree(unpacked, ignore_errors=True)
    return folder


def _cmake(*options: str) -> Callable[[Path, Path], list[Command]]:
    def prepare(source: Path, build: Path) -> list[Command]:
        out = build / "out"
        export = "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"
        _run("cmake", "-S", str(source), "-B", str(out), export, *options)
        commands: list[Command] = json.loads((out / "compile_commands.json").read_bytes())
        return commands

    return prepare


def _configure(*options: str, always: bool = True) -> Callable[[Path, Path], list[Command]]:
    """Of a project with a `configure` script.

    Without `always`, `make` plans what is missing: all of it, where nothing was ever made. That is
    for makefiles that would otherwise call for Autoconf.
    """

    def prepare(source: Path, build: Path) -> list[Command]:
        del build
        _run("./configure", *options, cwd=source)
        return list(_planned(source, always))

    return prepare


def _qmake(source: Path, build: Path) -> list[Command]:
    out = build / "out"
    out.mkdir(exist_ok=True)
    project = str(next(source.glob("*.pro")))
    _run("/usr/lib/qt5/bin/qmake", "-r", "USE_WEBENGINE=false", project, cwd=out)
    for makefile in sorted(out.glob("src/*/Makefile")):
        folder = makefile.parent
        _run("make", "compiler_uic_make_all", "compiler_moc_header_make_all", cwd=folder)
    return [
        command
        for command in _planned(out)
        if not Path(str(command["file"])).name.startswith(("moc_", "qrc_"))
    ]


def _planned(folder: Path, always: bool = True) -> Iterator[Command]:
    """What `make` would compile."""
    options = ["make", "--dry-run", "--keep-going", "--print-directory", "V=1"]
    options += ["--always-make"] if always else []
    plan = subprocess.run(options, cwd=folder, capture_output=True, text=True, check=False).stdout
    folders = [folder]
    for line in plan.replace("\\\n", " ").splitlines():
        if entered := re.search(r"Entering directory '(.*)'", line):
            folders.append(Path(entered[1]))
        elif "Leaving directory" in line and len(folders) > 1:
            folders.pop()
        elif moved := re.match(r"\s*cd (\S+) && (.*)", line):
            yield from _compiled(moved[2], folders[-1] / moved[1])
        else:
            yield from _compiled(line, folders[-1])


_COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "clang++")
_SUFFIXES = (".c", ".cc", ".cpp", ".cxx")


def _compiled(line: str, folder: Path) -> Iterator[Command]:
    line = re.sub(r"`test -f '([^']*)' \|\| echo '[^']*'`", "", line)
    for part in re.split(r"&&|;", line):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        starts = [index for index, word in enumerate(words) if Path(word).name in _COMPILERS]
        files = [word for word in words if word.endswith(_SUFFIXES) and not word.startswith("-")]
        if starts and "-c" in words and len(files) == 1:
            path = os.path.normpath(folder / files[0])
            yield {"directory": str(folder), "file": path, "arguments": words[starts[0] :]}


def _qt(source: Path, build: Path) -> list[Command]:
    """Qt's TLS sources as they stand, against Debian's headers of the same version."""
    headers = Path("/usr/include") / _multiarch() / "qt6"
    version = next(path.name for path in (headers / "QtCore").iterdir() if path.name[0].isdigit())
    own = [
        source / "src" / folder
        for folder in (
            "plugins/tls/openssl",
            "plugins/tls/shared",
            "network/ssl",
            "network/kernel",
            "network/socket",
            "network/access",
        )
    ]
    mkspec = Path("/usr/lib") / _multiarch() / "qt6" / "mkspecs" / "linux-g++"
    modules = [headers, *(headers / name for name in ("QtCore", "QtNetwork"))]
    private = [
        folder
        for name in ("QtCore", "QtNetwork")
        for folder in (headers / name / version, headers / name / version / name)
    ]
    includes = [f"-I{folder}" for folder in (*own, build, mkspec, *modules, *private)]
    defines = ["-DQT_CORE_LIB", "-DQT_NETWORK_LIB", "-DQT_BUILD_NETWORK_LIB"]
    files = [file for folder in (own[0], own[2]) for file in sorted(folder.glob("*.cpp"))]
    for file in files:
        _moc(file, build, [*includes, *defines])
    return [
        {
            "directory": str(build),
            "file": str(file),
            "arguments": ["c++", "-std=c++17", "-fPIC", *defines, *includes, "-c", str(file)],
        }
        for file in files
    ]


def _moc(file: Path, build: Path, options: Sequence[str]) -> None:
    """Effect: write what `file` includes as `moc_NAME.cpp`."""
    for name in re.findall(r'#include "moc_(\w+)\.cpp"', file.read_text(encoding="utf-8")):
        header = file.parent / f"{name}.h"
        target = build / f"moc_{name}.cpp"
        if header.exists():
            _run("/usr/lib/qt6/libexec/moc", *options, str(header), "-o", str(target))


def _multiarch() -> str:
    return subprocess.run(
        ["dpkg-architecture", "-qDEB_HOST_MULTIARCH"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _run(*command: str, cwd: Path | None = None, check: bool = True) -> bool:
    """Effect: run a command; its output is shown only if it fails and must not."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if run.returncode and check:
        raise SystemExit(f"{shlex.join(command)} failed:\n{run.stdout[-3000:]}")
    return run.returncode == 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


PACKAGES = (
    Package(
        "qt6-base",
        "6.4.2",
        ("qt6-base-dev", "qt6-base-private-dev", "qt6-base-dev-tools", "libssl-dev"),
        _qt,
    ),
    Package(
        "mosquitto",
        "2.0.11",
        ("build-essential", "cmake", "libssl-dev", "libcjson-dev"),
        _cmake("-DDOCUMENTATION=OFF", "-DWITH_SRV=OFF"),
    ),
    Package("stunnel4", "5.68", ("build-essential", "libssl-dev"), _configure("--disable-libwrap")),
    Package(
        "libcoap3",
        "4.3.1",
        ("build-essential", "cmake", "libssl-dev"),
        _cmake(
            "-DENABLE_DTLS=ON",
            "-DDTLS_BACKEND=openssl",
            "-DENABLE_DOCS=OFF",
            "-DENABLE_TESTS=OFF",
        ),
    ),
    Package(
        "nginx",
        "1.22.1",
        ("build-essential", "libssl-dev", "libpcre2-dev", "zlib1g-dev"),
        _configure(
            "--with-http_ssl_module",
            "--with-http_v2_module",
            "--with-mail",
            "--with-mail_ssl_module",
            "--with-stream",
            "--with-stream_ssl_module",
            "--with-stream_ssl_preread_module",
            "--with-http_secure_link_module",
        ),
    ),
    Package(
        "rssguard",
        "4.0.4",
        (
            "build-essential",
            "qtbase5-dev",
            "qttools5-dev",
            "qtmultimedia5-dev",
            "qtdeclarative5-dev",
        ),
        _qmake,
    ),
    Package(
        "qtox",
        "1.17.6",
        (
            "build-essential",
            "cmake",
            "libavdevice-dev",
            "libexif-dev",
            "libopenal-dev",
            "libqrencode-dev",
            "libqt5opengl5-dev",
            "libqt5svg5-dev",
            "libsodium-dev",
            "libsqlcipher-dev",
            "libssl-dev",
            "libswscale-dev",
            "libtoxcore-dev",
            "libxss-dev",
            "qtbase5-dev",
            "qttools5-dev",
        ),
        _cmake("-DSPELL_CHECK=OFF", "-DUSE_CCACHE=OFF", "-DSVGZ_ICON=OFF"),
        r"\A(?![\s\S]*\bQTEST_)[\s\S]*(\bQ(Ssl|Network|Cryptographic)|tox_pass_|sqlite3_key)",
    ),
    Package(
        "socat",
        "1.7.4.4",
        ("build-essential", "libssl-dev"),
        _configure("--disable-readline", "--disable-libwrap"),
        r"openssl/|\bSSL_",
    ),
    Package(
        "tinc",
        "1.0.36",
        ("build-essential", "libssl-dev", "zlib1g-dev"),
        _configure("--disable-lzo", always=False),
        r"openssl/",
    ),
)


if __name__ == "__main__":
    sys.exit(main())
