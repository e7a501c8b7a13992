"""`tlsight doctor`: what the analysis has at hand, what it lacks, and what that costs."""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

import tlsight
from tlsight.clang import find_command
from tlsight.clang.builtin import builtin_folder, own_builtins
from tlsight.clang.lib import LibclangMissing, load
from tlsight.cli import files, output
from tlsight.cli.project import Project, load_project
from tlsight.cli.status import Status, UsageError
from tlsight.config import PROJECT_FILE
from tlsight.rule import Library
from tlsight.worker.protocol import cache_folder

_MOST_FILES = 500
"""Files whose compile command is looked up, at most."""
_MOST_PROBLEMS = 5
_ORIGINS = {
    "database": "in the compile database",
    "borrowed": "by the entry of a neighbour in the compile database",
    "flags": "by compile_flags.txt",
    "default": "by default flags",
}


@dataclass(frozen=True)
class _Item:
    """One thing that was looked at; `cost` says what it costs that it is missing or wrong."""

    name: str
    found: str
    cost: str = ""
    status: Status = Status.CLEAN


def doctor(path: Path, build: Path | None) -> Status:
    """Effect: looks at everything that the analysis of `path` would use, and says what it saw."""
    terminal = output.console(sys.stdout)
    versions = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    terminal.print(Text(f"tlsight {tlsight.__version__}, {versions}", style="bold"))
    worst = Status.CLEAN
    for item in _items(path, build):
        mark, style = ("-", "yellow") if item.cost else ("+", "green")
        line = Text(f"{mark} ", style=style).append(f"{item.name}: ", style="bold not dim")
        terminal.print(line.append(item.found, style="not bold"))
        if item.cost:
            terminal.print(Text(f"    {item.cost}"))
        worst = max(worst, item.status)
    return worst


def _items(path: Path, build: Path | None) -> Iterator[_Item]:
    yield _libclang()
    yield _builtin_headers()
    try:
        project = load_project([path], build=build)
    except UsageError as error:
        for text in error.args:
            yield _Item(
                "configuration", text, "nothing is analysed before this is mended", Status(2)
            )
        return
    yield _project_file(project)
    yield _rules(project)
    for library in project.rulebook.libraries.values():
        if library.include_folders and library.headers:
            yield _library(library)
    yield from _commands(path, project)
    yield _cache()


def _libclang() -> _Item:
    try:
        return _Item("libclang", load().version)
    except LibclangMissing as error:
        cost = "only the syntax is judged: install the package again for this system"
        return _Item("libclang", str(error), cost, Status.NOT_ANALYSED)


def _builtin_headers() -> _Item:
    folder, owner = builtin_folder()
    if folder == own_builtins():
        cost = "names of other built-in headers (intrinsics) are unknown; a clang or gcc has them"
        return _Item("built-in headers", "no compiler's; the few that tlsight brings", cost)
    return _Item("built-in headers", f"{folder} (of {owner})")


def _project_file(project: Project) -> _Item:
    if project.file:
        return _Item("project file", str(project.file))
    return _Item("project file", f"no {PROJECT_FILE} above the path; defaults are in force")


def _rules(project: Project) -> _Item:
    book = project.rulebook
    found = f"{len(book.properties)} rules, {len(book.libraries)} libraries, "
    found += f"policy {book.policy.id}"
    own = f"; own pages in {', '.join(project.config.rules)}" if project.config.rules else ""
    notes = "; ".join(str(problem) for problem in book.problems[:_MOST_PROBLEMS])
    return _Item("rules", found + own, notes)


def _library(library: Library) -> _Item:
    folders = [folder for pattern in library.include_folders for folder in _existing(pattern)]
    names = sorted({header.name for header in library.headers})
    found = {name: folder for name in names for folder in folders if (folder / name).is_file()}
    if not found:
        cost = (
            "its calls are known by the page's declarations; what the code uses beyond them "
            "is unknown, and fixes in such functions stay unproven"
        )
        return _Item(f"headers of {library.title}", "not installed", cost)
    where = ", ".join(sorted({str(folder) for folder in found.values()}))
    return _Item(
        f"headers of {library.title}", f"{len(found)} of {len(names)} that it declares in {where}"
    )


def _existing(pattern: str) -> list[Path]:
    base = Path(pattern).anchor
    return sorted(Path(base).glob(pattern.removeprefix(base))) if base else []


def _commands(path: Path, project: Project) -> Iterator[_Item]:
    try:
        targets = files.find_targets([path], project.config.exclude, project.root)
    except UsageError as error:
        yield _Item("files", str(error), "there is nothing to analyse", Status.USAGE)
        return
    folders = [
        folder
        for library in project.rulebook.libraries.values()
        for folder in library.include_folders
    ]
    build = Path(project.config.build) if project.config.build else None
    origins: Counter[str] = Counter()
    problems: dict[str, None] = {}
    for target in targets[:_MOST_FILES]:
        try:
            data = files.read_text(target.path)
        except files.Unreadable as error:
            problems[f"{target.shown}: {error}"] = None
            continue
        command = find_command(
            target.path, build=build, root=project.root, data=data, include_folders=folders
        )
        origins[command.origin] += 1
        problems.update(dict.fromkeys(command.problems))
    found = ", ".join(f"{count} {_ORIGINS[origin]}" for origin, count in origins.most_common())
    cost = (
        "headers may be missed and macros unknown there, so fewer facts: let the build write "
        "compile_commands.json, and name its folder with -p"
        if origins["default"]
        else ""
    )
    more = f" (the first {_MOST_FILES} of {len(targets)})" if len(targets) > _MOST_FILES else ""
    yield _Item("compile commands", f"files read: {found or 'none'}{more}", cost)
    for problem in list(problems)[:_MOST_PROBLEMS]:
        yield _Item("compile commands", problem, "this is left out")


def _cache() -> _Item:
    folder = cache_folder()
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    place = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(place, os.W_OK):
        cost = "nothing can be read without it: make the folder writable, or set XDG_CACHE_HOME"
        return _Item("cache", f"{folder} cannot be written", cost, Status.NOT_ANALYSED)
    return _Item("cache", f"{folder}, {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
