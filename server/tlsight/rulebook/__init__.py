"""The rule pages as one `Rulebook`: Markdown in, frozen data out, mistakes as `file:line`.

A page that cannot be read loses only itself. Pages of a project are data like ours, from a folder
that nobody vouches for: they are bounded in size and number, links that lead out of their folder
are not followed, and they may not take the place of a page of ours.
What pages mean for code is the engines' affair; nothing here reads a line of C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar

from tlsight.rule import Library, Policy, Problem, Property, Rulebook, frozen
from tlsight.rulebook.agreement import disagreements
from tlsight.rulebook.libraries import read_library
from tlsight.rulebook.markdown import Page, read_page
from tlsight.rulebook.policies import empty_policy, read_policy
from tlsight.rulebook.properties import ASPECTS, read_property
from tlsight.rulebook.table import TooManyProblems, nearest

__all__ = ["load"]

_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")

DEFAULT_POLICY = "rfc9325"
_LARGEST_PAGE = 500_000
_LARGEST_FOLDER = 10_000_000
_MOST_PAGES = 1_000
_MOST_PROBLEMS = 1_000
_NOT_A_PAGE = "README.md"


def load(
    policy: str = DEFAULT_POLICY, folders: Sequence[Path] = (), pages: Path | None = None
) -> Rulebook:
    """Effect: read tlsight's own pages (or those in `pages`), then those of `folders`."""
    shelf = _Shelf()
    _add_folder(shelf, pages or Path(str(resources.files("tlsight.rules"))), trusted=True)
    for folder in folders:
        _add_folder(shelf, folder, trusted=False)
    titles = {library.title: library.id for library in shelf.libraries.values()}
    for name, (aspect, page) in shelf.property_pages.items():
        found = shelf.note(read_property, name, aspect, page, titles)
        if found is not None:
            shelf.properties[name] = found
    in_force = _policy_in_force(shelf, policy)
    found_apart = disagreements(shelf.properties, shelf.libraries, in_force)
    shelf.problems += islice(found_apart, _MOST_PROBLEMS)
    return Rulebook(
        properties=frozen(shelf.properties),
        libraries=frozen(shelf.libraries),
        policy=in_force,
        problems=tuple(sorted(set(shelf.problems), key=_by_place)),
    )


@dataclass
class _Shelf:
    """What has been read so far; properties are read last, when all titles are known."""

    property_pages: dict[str, tuple[str, Page]] = field(default_factory=dict)
    properties: dict[str, Property] = field(default_factory=dict)
    libraries: dict[str, Library] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def take(self, kind: str, name: str, place: str, owned: Mapping[str, object]) -> bool:
        """Effect: whether an name is still free; report it if not."""
        if name not in owned:
            return True
        self.problems.append(Problem(place, f"there is a {kind} page '{name}' already"))
        return False

    def note(
        self,
        read: Callable[_Arguments, tuple[_Found, tuple[Problem, ...]]],
        *arguments: _Arguments.args,
        **keywords: _Arguments.kwargs,
    ) -> _Found | None:
        """Effect: what a reader finds, its problems put on the shelf; None if there is no end."""
        try:
            found, problems = read(*arguments, **keywords)
        except TooManyProblems as error:
            self.problems += error.problems
            return None
        self.problems += problems
        return found


def _add_folder(shelf: _Shelf, folder: Path, trusted: bool) -> None:
    if not folder.is_dir():
        shelf.problems.append(Problem(f"{folder}:1", "there is no such folder of rule pages"))
        return
    reader = _Reader(folder, trusted, shelf.problems)
    for entry in reader.entries(folder):
        if entry.is_dir() and entry.name not in (*ASPECTS, "libraries", "policies", "__pycache__"):
            known = (*ASPECTS, "libraries", "policies")
            message = f"'{entry.name}' is no folder of rule pages{nearest(entry.name, known)}"
            shelf.problems.append(Problem(f"{entry}:1", message))
    for entry in reader.entries(folder / "libraries"):
        files = reader.pages(entry) if entry.is_dir() else reader.pages(entry.parent, entry.name)
        read = [page for _, page in files]
        name = entry.name.removesuffix(".md")
        if read and shelf.take("library", name, read[0].place(1), shelf.libraries):
            library = shelf.note(read_library, name, read)
            if library is not None:
                _add_library(shelf, library)
    for name, page in reader.pages(folder / "policies"):
        if shelf.take("policy", name, page.place(1), shelf.policies):
            policy = shelf.note(read_policy, name, page)
            if policy is not None:
                shelf.policies[name] = policy
    for aspect in ASPECTS:
        for name, page in reader.pages(folder / aspect):
            if shelf.take("property", name, page.place(1), shelf.property_pages):
                shelf.property_pages[name] = (aspect, page)


def _add_library(shelf: _Shelf, library: Library) -> None:
    for other in shelf.libraries.values():
        if other.title == library.title:
            message = f"the library page '{other.id}' has the title '{library.title}' too"
            shelf.problems.append(Problem(library.place, message))
        for name in {header.name for header in library.headers} & {h.name for h in other.headers}:
            message = f"the library page '{other.id}' declares the header '{name}' too"
            shelf.problems.append(Problem(library.place, message))
    shelf.libraries[library.id] = library


@dataclass
class _Reader:
    """Reads the pages of one folder and nothing outside it."""

    folder: Path
    trusted: bool
    problems: list[Problem]
    pages_left: int = _MOST_PAGES
    bytes_left: int = _LARGEST_FOLDER

    def entries(self, folder: Path) -> list[Path]:
        """What stands in a folder, in order of name; hidden files and links out of it do not."""
        if not folder.is_dir() or not self._inside(folder):
            return []
        found = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        return sorted(entry for entry in found if self._inside(entry))

    def pages(self, folder: Path, only: str = "*.md") -> Iterator[tuple[str, Page]]:
        """Effect: read the pages of a folder, each with its file's name without `.md`."""
        for file in self.entries(folder):
            if not file.match(only) or file.suffix != ".md" or file.name == _NOT_A_PAGE:
                continue
            text = self._read(file)
            if text is not None:
                yield file.stem, read_page(str(file), text, self.trusted)

    def _inside(self, path: Path) -> bool:
        return self.trusted or path.resolve().is_relative_to(self.folder.resolve())

    def _read(self, file: Path) -> str | None:
        if self.pages_left <= 0 or self.bytes_left <= 0:
            problem = Problem(f"{self.folder}:1", "these are too many pages; not all are read")
            self.problems += [] if problem in self.problems else [problem]
            return None
        self.pages_left -= 1
        try:
            if not file.is_file():
                raise OSError("it is no file")
            if file.stat().st_size > _LARGEST_PAGE:
                raise OSError(f"it is larger than {_LARGEST_PAGE:,} bytes")
            data = file.read_bytes()
            self.bytes_left -= len(data)
            return data.decode().replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(f"{file}:1", f"the page cannot be read: {error}"))
            return None


def _policy_in_force(shelf: _Shelf, name: str) -> Policy:
    if name in shelf.policies:
        return shelf.policies[name]
    known = ", ".join(f"'{name}'" for name in sorted(shelf.policies))
    message = f"unknown policy '{name}'{nearest(name, shelf.policies)}; there are {known}"
    shelf.problems.append(Problem("policy", message))
    return shelf.policies.get(DEFAULT_POLICY) or empty_policy(DEFAULT_POLICY)


_LINE = re.compile(r"(.*):(\d+)")


def _by_place(problem: Problem) -> tuple[str, int, str]:
    found = _LINE.fullmatch(problem.place)
    if found is None:
        return (problem.place, 0, problem.message)
    return (found.group(1), int(found.group(2)), problem.message)
