"""The project that the paths of a command belong to: its options, its rules, its root."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from tlsight.cli.status import UsageError
from tlsight.config import PROJECT_FILE, Config, project, unknown_rules
from tlsight.rule import Problem, Rulebook
from tlsight.rulebook import load
from tlsight.worker.protocol import Settings, cache_folder

_ROOT_MARKS = (".git", ".hg", ".svn")
_DATABASE = "compile_commands.json"


@dataclass(frozen=True)
class Project:
    """What a command works by. `file` is the project file, `root` the folder of the whole."""

    config: Config
    rulebook: Rulebook
    root: Path | None
    file: Path | None

    @property
    def settings(self) -> Settings:
        """What the worker processes have to know."""
        return Settings(self.config, self.root, cache_folder())


def load_project(
    paths: Sequence[Path], *, policy: str | None = None, build: Path | None = None
) -> Project:
    """Effect: reads the project file above the paths, and the rule pages that it asks for.

    Raises `UsageError` with everything that is wrong with them.
    """
    files = {_above(path, (PROJECT_FILE,)) for path in paths}
    if len(files) > 1:
        names = " and ".join(sorted(str(file or f"no {PROJECT_FILE}") for file in files))
        raise UsageError(f"the paths belong to different projects ({names}); name them apart")
    file = files.pop() if files else None
    config = _read(file) if file else Config()
    if policy is not None:
        config = replace(config, policy=policy)
    if build is not None:
        config = replace(config, build=str(_build_folder(build)))
    rulebook = load(config.policy, [Path(folder) for folder in config.rules])
    problems = [str(item) for item in rulebook.problems if not (item.warning or _is_ours(item))]
    problems += map(str, unknown_rules(config, rulebook.properties, str(file)))
    if problems:
        raise UsageError(*problems)
    return Project(config, rulebook, file.parent if file else _root(paths), file)


def _read(file: Path) -> Config:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: it cannot be read: {error.strerror}") from error
    config, problems = project(Config(), data, str(file))
    if problems:
        raise UsageError(*(str(problem) for problem in problems))
    folders = tuple(str(file.parent / folder) for folder in config.rules)
    build = str(_build_folder(file.parent / config.build)) if config.build else ""
    return replace(config, rules=folders, build=build)


def _is_ours(problem: Problem) -> bool:
    """Whether a problem is one of tlsight's own pages, which nobody who runs it can mend."""
    return problem.place.startswith(str(resources.files("tlsight.rules")))


def _build_folder(path: Path) -> Path:
    folder = path.parent if path.is_file() else path
    if not (folder / _DATABASE).is_file():
        raise UsageError(
            f"no {_DATABASE} in '{folder}'; name the build folder that has one (CMake writes it "
            "with -DCMAKE_EXPORT_COMPILE_COMMANDS=ON, bear for other build systems)"
        )
    return folder.resolve()


def _root(paths: Sequence[Path]) -> Path | None:
    """The folder under version control, else the one around the folders named, else none."""
    for path in paths:
        if mark := _above(path, _ROOT_MARKS):
            return mark.parent
    folders = [path.resolve() for path in paths if path.is_dir()]
    return Path(os.path.commonpath(folders)) if folders else None


def _above(path: Path, names: Sequence[str]) -> Path | None:
    """The nearest of `names` in the folder of `path` or in one above it."""
    path = path.resolve()
    for folder in (path, *path.parents):
        for name in names:
            if (folder / name).exists():
                return folder / name
    return None
