"""The corpus as the tests see it: files, reports, and findings named so that they can be triaged.

Analysing a package takes minutes, so its reports are kept beside the corpus for as long as neither
tlsight nor its pages change.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fetch import PACKAGES, corpus, database, source_folder

from tlsight.analysis import Analyst
from tlsight.clang import language_of
from tlsight.config import Config
from tlsight.finding import Finding, Report
from tlsight.ir import Function
from tlsight.rule import Rulebook
from tlsight.rulebook import load
from tlsight.syntax import Hints, parse, read
from tlsight.text import Lines, Span
from tlsight.worker.garbage import rarely_collected

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = tuple(package.name for package in PACKAGES)
TRIAGE = Path(__file__).parent / "triage"
_ABOVE = {"cli", "lsp", "service.py", "views", "worker"}
"""What only shows reports, or asks for them."""
TLS = re.compile(rb"openssl/|\bq?_?SSL_|\bQ(Ssl|Dtls|Network|Cryptographic|MessageAuth|Tcp|Udp)")


class Key(NamedTuple):
    """What names a finding in a triage file, whatever moves around it."""

    rule: str
    file: str
    function: str
    line: str


@dataclass(frozen=True)
class Entry:
    """One triaged finding: whether it is true, and why."""

    key: Key
    true: bool
    why: str
    lone: bool
    """It is found only where the file stands alone."""


@dataclass(frozen=True)
class Analysed:
    """A file of a package and its final report."""

    path: Path
    name: str
    data: bytes
    report: Report
    errors: frozenset[str]
    """The messages of clang's errors."""

    @functools.cached_property
    def lines(self) -> Lines:
        """The line index of the file."""
        return Lines.of(self.data)

    def key(self, finding: Finding) -> Key:
        """The name of one of its findings."""
        return key(self.name, self.lines, finding)


def key(name: str, lines: Lines, finding: Finding) -> Key:
    """The name of a finding in the file `name`."""
    number = lines.position(finding.span.start).line
    text = " ".join(lines.line(number).decode(errors="replace").split())
    return Key(finding.rule, name, finding.function, text)


def source(package: str) -> Path:
    """The sources of a package, which must have been fetched."""
    folder = source_folder(corpus(), package)
    if folder is None or not database(corpus(), package).exists():
        raise AssertionError("the corpus is missing: run tests/corpus/fetch.py as root first")
    return folder


def files(package: str) -> list[Path]:
    """The package's own sources in its compile database; the headers of Qt's TLS code too.

    Of rssguard those that use TLS: the rest is windows and feeds, and takes clang six minutes.
    """
    folder = source(package)
    entries = json.loads(database(corpus(), package).read_bytes())
    found = dict.fromkeys(Path(entry["directory"], entry["file"]).resolve() for entry in entries)
    own = [path for path in found if path.is_relative_to(folder.resolve())]
    if package == "qt6-base":
        folders = sorted({path.parent for path in own})
        own += [header for parent in folders for header in sorted(parent.glob("*.h"))]
    return [path for path in own if _uses_tls(path)] if package == "rssguard" else own


@contextmanager
def analyst(package: str | None, root: Path | None = None) -> Iterator[Analyst]:
    """An analyst over a package with its build, or over a folder without one, nor any header."""
    build = str(database(corpus(), package).parent) if package else ""
    folder = root or (source(package) if package else None)
    with tempfile.TemporaryDirectory(prefix="tlsight-cache-") as cache:
        yield Analyst(rulebook(), Config(build=build), folder, Path(cache), lone=package is None)


@functools.cache
def rulebook() -> Rulebook:
    """Effect: read the pages, and look for cycles as seldom as a worker does."""
    book = load()
    rarely_collected()
    return book


@functools.cache
def analysed(package: str) -> tuple[Analysed, ...]:
    """Effect: analyse every file of a package, once for each state of tlsight and its pages."""
    kept = _kept(package)
    if kept.exists():
        reports: list[tuple[Report, frozenset[str]]] = pickle.loads(kept.read_bytes())
    else:
        reports = list(_reports(package, files(package)))
        kept.parent.mkdir(exist_ok=True)
        for old in kept.parent.glob(f"{package}-*"):
            old.unlink(missing_ok=True)
        whole = kept.with_suffix(f".{os.getpid()}")
        whole.write_bytes(pickle.dumps(reports))
        whole.replace(kept)
    return tuple(_together(package, files(package), reports))


def _kept(package: str) -> Path:
    return corpus() / "reports" / f"{package}-{_state_of_tlsight()}.pickle"


def _together(
    package: str, paths: Iterable[Path], reports: Iterable[tuple[Report, frozenset[str]]]
) -> Iterator[Analysed]:
    folder = source(package).resolve()
    for path, (report, errors) in zip(paths, reports, strict=True):
        yield Analysed(path, str(path.relative_to(folder)), path.read_bytes(), report, errors)


def _reports(package: str, paths: Iterable[Path]) -> Iterator[tuple[Report, frozenset[str]]]:
    with analyst(package) as one:
        for path in paths:
            report = one.final(path, path.read_bytes())
            yield report, frozenset(error.message for error in one.facts(path).errors)
            one.close(path)


def _state_of_tlsight() -> str:
    """A digest of what analyses, the pages, and the library that it reads with."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256(importlib.metadata.version("libclang").encode())
    for folder, pattern in (("server", "*.py"), ("rules", "*.md")):
        for path in sorted((root / folder).rglob(pattern)):
            if set(path.relative_to(root).parts) & _ABOVE:
                continue
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def triaged(package: str) -> tuple[Entry, ...]:
    """What the triage file of a package says."""
    path = TRIAGE / f"{package}.toml"
    if not path.exists():
        return ()
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("finding", [])
    return tuple(
        Entry(
            Key(entry["rule"], entry["file"], entry["function"], entry["line"]),
            entry["verdict"] == "true",
            entry["why"],
            entry.get("lone", False),
        )
        for entry in entries
    )


def as_entries(keys: Iterable[Key]) -> str:
    """Keys as text to paste into a triage file, verdicts left to whoever reads the code."""
    return "\n\n".join(
        "[[finding]]\n"
        + "\n".join(f"{name} = {json.dumps(value)}" for name, value in item._asdict().items())
        + '\nverdict = ""\nwhy = ""'
        for item in keys
    )


@functools.cache
def tls_files(package: str) -> tuple[Analysed, ...]:
    """Effect: the sources of a package that use TLS, and in which something is found.

    Only these are analysed where no reports of the whole package are kept: it is a fifth of it.
    """
    paths = [path for path in files(package) if _uses_tls(path)]
    if _kept(package).exists():
        items: Iterable[Analysed] = (item for item in analysed(package) if item.path in paths)
    else:
        items = _together(package, paths, _reports(package, paths))
    return tuple(item for item in items if item.report.findings)


def _uses_tls(path: Path) -> bool:
    return path.suffix != ".h" and TLS.search(path.read_bytes()) is not None


def functions(path: Path, data: bytes) -> list[Function]:
    """The functions of a text, lambdas and initialisers apart."""
    hints = Hints()
    module = read(parse(data, language_of(path, data), hints), hints)
    return [item for item in module.functions if item.kind not in ("lambda", "initialiser")]


def function_at(found: Iterable[Function], offset: int) -> Function | None:
    """The function whose text holds an offset."""
    return next((item for item in found if item.span.start <= offset < item.span.end), None)


def outside(keys: Iterable[tuple[Span, Key]], span: Span | None) -> Counter[Key]:
    """How often each key is found outside a span."""
    return Counter(name for place, name in keys if span is None or not span.overlaps(place))


def lone_copy(item: Analysed, folder: Path) -> Path:
    """Effect: put a copy of a file, and nothing else, into a folder."""
    return Path(shutil.copy(item.path, folder / item.path.name))


def say(*lines: str) -> None:
    """Effect: print what was measured, past pytest's capture if that is off."""
    sys.stdout.write("".join(f"\n{line}" for line in lines))
