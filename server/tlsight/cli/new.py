"""`tlsight new`: a rule page or a library page to start from, which loads as it is."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path
from string import Template

from tlsight.cli import files, output
from tlsight.cli.project import Project, load_project
from tlsight.cli.status import Status, UsageError
from tlsight.config import PROJECT_FILE
from tlsight.rulebook.properties import ASPECTS

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_DEFAULT_FOLDER = "rules"


def new(kind: str, name: str, folder: Path | None) -> Status:
    """Effect: writes a page; says where it is, and how the project comes to use it."""
    project = load_project([Path.cwd()])
    folder = folder or _default_folder(project)
    page, known = (_rule if kind == "rule" else _library)(name, folder, project)
    if known:
        raise UsageError(f"there is a {kind} '{name}' already; choose another name")
    path, text = page
    if path.exists():
        raise UsageError(f"'{path}' exists already; choose another name, or edit it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"folder '{path.parent}' cannot be made: {error.strerror}") from error
    files.write_whole(path, text.encode())
    terminal = output.console(sys.stdout)
    terminal.print(f"{path}: written; change it, and try it with 'tlsight check'")
    if not _is_used(folder, project):
        terminal.print(f'to use it, say so in {PROJECT_FILE}: rules = ["{folder.as_posix()}"]')
    return Status.CLEAN


def _rule(name: str, folder: Path, project: Project) -> tuple[tuple[Path, str], bool]:
    aspect, _, rule = name.rpartition("/")
    aspect = aspect or ASPECTS[0]
    if aspect not in ASPECTS:
        raise UsageError(f"'{aspect}' is no aspect; the aspects are {', '.join(ASPECTS)}")
    _check_id(rule)
    libraries = project.rulebook.libraries.values()
    library = min((item.title for item in libraries), default="Library")
    text = _page("rule_page.md", id=rule, library=library)
    return (folder / aspect / f"{rule}.md", text), rule in project.rulebook.properties


def _library(name: str, folder: Path, project: Project) -> tuple[tuple[Path, str], bool]:
    _check_id(name)
    text = _page("library_page.md", id=name, title=name, name=name.replace("-", "_"))
    return (folder / "libraries" / f"{name}.md", text), name in project.rulebook.libraries


def _check_id(name: str) -> None:
    if not _ID.fullmatch(name):
        raise UsageError(f"'{name}' is no name for a page; use small letters, digits and '-'")


def _page(template: str, **words: str) -> str:
    text = (resources.files("tlsight.cli") / template).read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _default_folder(project: Project) -> Path:
    if project.config.rules:
        return Path(project.config.rules[0])
    return Path(_DEFAULT_FOLDER)


def _is_used(folder: Path, project: Project) -> bool:
    own = Path(str(resources.files("tlsight.rules")))
    return folder.resolve() in {own.resolve(), *map(_resolved, project.config.rules)}


def _resolved(folder: str) -> Path:
    return Path(folder).resolve()
