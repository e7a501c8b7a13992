"""What a project and an editor may set. Passed, never stored; unknown keys are reported.

Defaults < `tlsight.toml` in the project < settings of the editor. The three agree by `OPTIONS`,
from which the help, the documentation and the editors' settings are made.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from tlsight.finding import Severity
from tlsight.rule import Problem

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT_FILE = "tlsight.toml"


def _option(help_text: str, default: Any = None, **kwargs: Any) -> Any:
    return field(default=default, metadata={"help": help_text, **kwargs})


@dataclass(frozen=True)
class Config:
    """The options in force. Each field is one key, with `-` for `_`."""

    policy: str = _option("Name of the policy page that holds every threshold.", "rfc9325")
    run: str = _option(
        "When an editor's buffer is analysed: on every change, or on save.",
        "type",
        choices=("type", "save"),
    )
    build: str = _option("Folder of compile_commands.json; empty: found as clangd finds it.", "")
    rules: tuple[str, ...] = _option("Folders with rule pages of the project's own.", ())
    enable: tuple[str, ...] = _option("Rules to turn on that are off by default.", ())
    disable: tuple[str, ...] = _option("Rules to turn off.", ())
    severity: Mapping[str, Severity] = field(
        default_factory=lambda: MappingProxyType({}),
        metadata={"help": "Severity by rule, instead of the page's."},
    )
    prefixes: tuple[str, ...] = _option(
        "Prefixes under which the project's own tables name library functions.", ()
    )
    exclude: tuple[str, ...] = _option(
        "Paths that are not analysed, in the manner of .gitignore.", ()
    )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with a plain dictionary, since mapping proxies cannot be pickled."""
        values = tuple(getattr(self, item.name) for item in fields(self) if item.name != "severity")
        return (_restore, (values, dict(self.severity)))


def _restore(values: tuple[Any, ...], severity: dict[str, Severity]) -> Config:
    names = [item.name for item in fields(Config) if item.name != "severity"]
    return Config(**dict(zip(names, values, strict=True)), severity=MappingProxyType(severity))


OPTIONS: Mapping[str, str] = MappingProxyType(
    {item.name.replace("_", "-"): item.metadata["help"] for item in fields(Config)}
)


def configured(
    base: Config, values: Mapping[str, Any], place: str
) -> tuple[Config, tuple[Problem, ...]]:
    """`base` with `values` over it, and what is wrong with them.

    A wrong value is reported and leaves the option as it was.
    """
    problems: list[Problem] = []
    changed: dict[str, Any] = {}
    known = {item.name.replace("_", "-"): item for item in fields(Config)}
    for key, value in values.items():
        item = known.get(key)
        if item is None:
            options = ", ".join(sorted(known))
            problems.append(Problem(place, f"unknown option '{key}'; the options are {options}"))
            continue
        try:
            changed[item.name] = _read(item.name, value, item.metadata.get("choices"))
        except ValueError as error:
            problems.append(Problem(place, f"option '{key}': {error}"))
    return replace(base, **changed), tuple(problems)


def project(base: Config, data: bytes, place: str) -> tuple[Config, tuple[Problem, ...]]:
    """`base` with a project file over it; problems are placed at `place:line`.

    A file that cannot be read as a whole is one problem, and changes nothing.
    """
    try:
        text = data.decode()
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return base, (Problem(f"{place}:{line}", "is not UTF-8"),)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        return base, (Problem(f"{place}:{line}", f"is not TOML: {error}"),)
    config = base
    problems: list[Problem] = []
    for key, value in values.items():
        config, wrong = configured(config, {key: value}, f"{place}:{_line_of(key, text)}")
        problems += wrong
    return config, tuple(problems)


def unknown_rules(config: Config, known: Collection[str], place: str) -> tuple[Problem, ...]:
    """A problem for each rule that `config` names and no page describes."""
    named = {
        "enable": config.enable,
        "disable": config.disable,
        "severity": tuple(config.severity),
    }
    return tuple(
        Problem(place, f"option '{option}': there is no rule '{rule}'")
        for option, rules in named.items()
        for rule in rules
        if rule not in known
    )


def _line_of(key: str, text: str) -> int:
    name = re.escape(key)
    found = re.search(rf"(?m)^[ \t]*(?:\[[ \t]*)?[\"']?{name}[\"']?[ \t]*[\].=]", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _read(name: str, value: Any, choices: tuple[str, ...] | None) -> Any:
    default = getattr(Config(), name)
    if isinstance(default, tuple):
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise ValueError(f"must be a list of strings, not {value!r}")
        if not all(isinstance(entry, str) for entry in value):
            raise ValueError("must be a list of strings")
        return tuple(value)
    if isinstance(default, Mapping):
        return _read_severities(value)
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {value!r}")
    if choices and value not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}")
    return value


def _read_severities(value: Any) -> Mapping[str, Severity]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table of rule = severity")
    severities: dict[str, Severity] = {}
    for rule, level in value.items():
        try:
            severities[str(rule)] = Severity(level)
        except ValueError:
            allowed = ", ".join(item.value for item in Severity)
            raise ValueError(f"'{rule}' must be one of {allowed}, not {level!r}") from None
    return MappingProxyType(severities)
