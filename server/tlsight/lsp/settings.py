"""The settings in force: defaults, under each folder's file, under what the editor says.

Nothing here is an error to the editor: what is wrong is left as it was, and told to the user.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlsight.config import PROJECT_FILE, Config, configured, project, unknown_rules
from tlsight.rule import Problem
from tlsight.worker.protocol import Settings

EDITOR = "settings of the editor"


@dataclass(frozen=True)
class Layers:
    """The settings of every folder, and of files outside all of them; and what is wrong."""

    settings: Mapping[Path | None, Settings]
    problems: tuple[Problem, ...]


def layered(roots: Iterable[Path], editor: Mapping[str, Any], cache: Path) -> Layers:
    """Effect: reads the project file of each folder, and lays the editor's settings over it."""
    problems: list[Problem] = []
    settings: dict[Path | None, Settings] = {}
    given = {key: value for key, value in editor.items() if value is not None}
    for root in (None, *roots):
        config = Config()
        if root is not None:
            config, wrong = of_project(root / PROJECT_FILE)
            problems += wrong
        config, wrong = configured(config, given, EDITOR)
        problems += wrong
        settings[root] = Settings(config, root, cache)
    return Layers(settings, tuple(dict.fromkeys(problems)))


def of_project(file: Path) -> tuple[Config, tuple[Problem, ...]]:
    """Effect: reads a project file; one that is not there says nothing."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return Config(), ()
    except OSError as error:
        return Config(), (Problem(str(file), f"cannot be read: {error.strerror}"),)
    return project(Config(), data, str(file))


def of_editor(value: Any) -> dict[str, Any]:
    """The options in what an editor sent, with or without our name around them."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("tlsight", value)
    return dict(inner) if isinstance(inner, dict) else {}


def rule_problems(settings: Settings, rules: Collection[str]) -> tuple[Problem, ...]:
    """A problem for each rule that the settings name and that does not exist."""
    place = str(settings.root / PROJECT_FILE) if settings.root else EDITOR
    return unknown_rules(settings.config, rules, place)
