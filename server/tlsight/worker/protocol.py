"""What the server and a worker say to each other: plain data, pickled, with its length before it.

Both ends are ours and the pipe is private, so pickle is safe here; neither end unpickles anything
else. This module knows what is said, and refuses to know when or why.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Union

from platformdirs import user_cache_path

from tlsight.config import Config
from tlsight.finding import Finding, Fix, Portrait, Proof, Report
from tlsight.rule import Problem
from tlsight.text import Edit

HEADER = struct.Struct("!Q")
"""The length of the message that follows it."""


@dataclass(frozen=True)
class Settings:
    """What a worker analyses by: one root folder, or None for files outside of all of them."""

    config: Config
    root: Path | None
    cache: Path


def cache_folder() -> Path:
    """The user's folder for what may be thrown away at any time."""
    return user_cache_path("tlsight", appauthor=False)


@dataclass(frozen=True)
class Page:
    """The documentation of a rule, for hovers and links."""

    title: str
    markdown: str
    path: str
    """The page's file, or '' if it is not one."""


@dataclass(frozen=True)
class Described:
    """What a worker knows of its rules once it has read them."""

    pages: Mapping[str, Page]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Configure:
    """Analyse by these settings from now on. Answered by `Described`."""

    settings: Settings


@dataclass(frozen=True)
class First:
    """Answer from the syntax and the facts at hand. Answered by a `Report`."""

    path: Path
    data: bytes


@dataclass(frozen=True)
class Final:
    """Answer with the facts of this very text. Answered by a `Report`."""

    path: Path
    data: bytes
    evidence: bool = False
    """Tell also what is right, and what cannot be decided."""


@dataclass(frozen=True)
class Portray:
    """What is known of the object whose name stands at a byte. Answered by a `Portrait` or None."""

    path: Path
    data: bytes
    offset: int


@dataclass(frozen=True)
class Prove:
    """Apply a fix in memory and read again. Answered by a `Proof`."""

    path: Path
    data: bytes
    finding: Finding
    fix: Fix


@dataclass(frozen=True)
class FixAll:
    """All fixes at once. Answered by edits, and by the reasons for what was withheld."""

    path: Path
    data: bytes
    safe_only: bool = True


@dataclass(frozen=True)
class Close:
    """The file is no longer open: forget what was kept for it. Answered by None."""

    path: Path


@dataclass(frozen=True)
class Invalidate:
    """What stands beside the texts has changed: compile commands, headers. Answered by None."""


Job = Union[Configure, First, Final, Portray, Prove, FixAll, Close, Invalidate]


@dataclass(frozen=True)
class Request:
    """One job under a number that its answer repeats."""

    number: int
    job: Job


@dataclass(frozen=True)
class Answer:
    """The outcome of the request with this number."""

    number: int
    value: Any


@dataclass(frozen=True)
class Failed:
    """The request with this number met a bug; the worker lives on."""

    number: int
    message: str


class Analyst(Protocol):
    """The analysis that a worker serves; see `tlsight.analysis`.

    `first`, `portray` and `tidy` are called on one thread, everything else on another.
    """

    def first(self, path: Path, data: bytes) -> Report:
        """The answer that waits for nothing."""
        ...

    def final(self, path: Path, data: bytes, evidence: bool = False) -> Report:
        """The answer with everything that can be known of this text."""
        ...

    def portray(self, path: Path, data: bytes, offset: int) -> Portrait | None:
        """What is known of the object whose name stands at a byte; waits for nothing."""
        ...

    def prove(self, path: Path, data: bytes, finding: Finding, fix: Fix) -> Proof:
        """What applying the fix in memory shows."""
        ...

    def fix_all(
        self, path: Path, data: bytes, safe_only: bool = True
    ) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
        """All fixes that can be applied together, and why others cannot."""
        ...

    def tidy(self) -> None:
        """Free what is no longer needed; called when an answer has been sent."""
        ...

    def close(self, path: Path) -> None:
        """Forget a file."""
        ...

    def invalidate(self) -> None:
        """Look again at everything beside the texts."""
        ...


def packed(message: Request | Answer | Failed) -> bytes:
    """A message as it goes over the pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """The message of a body that `HEADER` announced."""
    return pickle.loads(body)
