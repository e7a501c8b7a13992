"""What the command line says to the shell, and the one exception that ends it early."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum

from tlsight.views import Summary


class Status(IntEnum):
    """Exit statuses. `INTERRUPTED` and `PIPE_CLOSED` are what shells use for these signals."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    NOT_ANALYSED = 3
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class UsageError(Exception):
    """What was asked for cannot be done. Each argument is a message that says what to do."""


def status_of(summary: Summary, *, allow_unanalysed: bool = False) -> Status:
    """The exit status of a run."""
    if summary.findings:
        return Status.FINDINGS
    return Status.NOT_ANALYSED if summary.unanalysed and not allow_unanalysed else Status.CLEAN


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause that names the word that was probably meant, or ''."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
