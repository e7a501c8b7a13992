"""What the rule pages give to the readers of code: headers, hints and declarations.

Reading the declarations takes longer than an editor's first answer may, and they only change with
the pages or with tlsight: they are kept in the cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from tlsight.ir import Declarations, Macro, Record, Signature, Variable
from tlsight.rule import Header, Rulebook
from tlsight.syntax import Hints, declarations

log = logging.getLogger(__name__)

_V = TypeVar("_V")

_READERS = ("ir.py", "syntax")
"""What the declarations depend on, besides the pages."""


def page_declarations(rulebook: Rulebook, folder: Path | None) -> Declarations:
    """What the headers of the pages declare.

    Effect: kept for this process and, where a cache folder is given, in that.
    """
    hints = page_hints(rulebook)
    texts = [item.text for item in _unique(page_headers(rulebook))]
    words = repr((texts, hints.replacements, sorted(hints.no_return), sorted(hints.asserts)))
    name = hashlib.sha256(_state().encode() + words.encode()).hexdigest()[:24]
    if name not in _known:
        place = None if folder is None else folder / "declarations" / f"{name}.pickle"
        kept = None if place is None else _loaded(place)
        _known[name] = kept or combined(declarations(text.encode(), "cpp", hints) for text in texts)
        if place is not None and kept is None:
            _keep(place, _known[name])
    return _known[name]


_known: dict[str, Declarations] = {}
"""What this process has read or loaded."""


@cache
def _state() -> str:
    """A digest of the modules that read declarations, and the release of their grammar."""
    digest = hashlib.sha256(metadata.version("tree-sitter-cpp").encode())
    here = Path(__file__).parent
    for name in _READERS:
        place = here / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else (place,):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _loaded(place: Path) -> Declarations | None:
    """Effect: read what was kept; None if there is nothing, or nothing of our own to trust."""
    try:
        with place.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            found = pickle.load(file)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever a broken file may raise: it is made anew
        log.info("kept declarations cannot be read: %s", error)
        return None
    return found if isinstance(found, Declarations) else None


def _keep(place: Path, found: Declarations) -> None:
    """Effect: write a file whole or not at all, for the user alone."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            pickle.dump(found, file, protocol=5)
        Path(name).replace(place)
    except OSError as error:
        log.info("declarations cannot be kept: %s", error)


def combined(parts: Iterable[Declarations]) -> Declarations:
    """Several texts' declarations as one; of what is declared twice, the first stands.

    A record that one text only names gets its members from the text that has them.
    """
    functions: dict[str, tuple[Signature, ...]] = {}
    records: dict[str, Record] = {}
    variables: dict[str, Variable] = {}
    enumerators: dict[str, int | None] = {}
    aliases: dict[str, str] = {}
    macros: dict[str, Macro] = {}
    no_return: frozenset[str] = frozenset()
    for part in parts:
        no_return |= part.no_return
        _add(functions, part.functions)
        _add(variables, part.variables)
        _add(enumerators, part.enumerators)
        _add(aliases, part.aliases)
        _add(macros, part.macros)
        for name, record in part.records.items():
            known = records.get(name)
            if known is None or not (known.fields or known.methods or known.bases):
                records[name] = record
    return Declarations(functions, records, variables, enumerators, aliases, macros, no_return)


def _add(table: dict[str, _V], more: Mapping[str, _V]) -> None:
    """Effect: adds to a table what it does not have."""
    for name, value in more.items():
        table.setdefault(name, value)


def page_headers(rulebook: Rulebook) -> tuple[Header, ...]:
    """All headers that pages declare, one after the other."""
    return tuple(item for library in rulebook.libraries.values() for item in library.headers)


def _unique(headers: Iterable[Header]) -> Iterable[Header]:
    """Headers that differ in text: one block may stand under several names."""
    return {item.text: item for item in headers}.values()


def page_hints(rulebook: Rulebook) -> Hints:
    """What syntax is told by the pages, except what they declare."""
    libraries = rulebook.libraries.values()
    return Hints(
        replacements=tuple(item for library in libraries for item in library.replacements),
        no_return=frozenset(name for library in libraries for name in library.no_return),
        asserts=frozenset(name for library in libraries for name in library.asserts),
    )


def include_folders(rulebook: Rulebook) -> tuple[str, ...]:
    """Where the headers of the libraries usually are; globs, in the order of the pages."""
    return tuple(
        dict.fromkeys(
            folder for library in rulebook.libraries.values() for folder in library.include_folders
        )
    )
