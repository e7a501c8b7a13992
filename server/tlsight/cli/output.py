"""Where output goes: styled text to a terminal, plain text and documents to a pipe or a file."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.text import Text


class _Console(Console):
    """Rich ends the process where a pipe is closed; what that means is for `main` to say."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(stream: TextIO, piped_width: int | None = None) -> Console:
    """A console that never reflows, guesses or interprets what it is given.

    `piped_width` is how wide tables may be where there is no terminal.
    """
    width = None if stream.isatty() else piped_width
    return _Console(
        file=stream, width=width, soft_wrap=True, highlight=False, markup=False, emoji=False
    )


def plain(blocks: Iterable[Text]) -> bytes:
    """The text without its styles, as a file holds it."""
    return "".join(f"{block.plain}\n" for block in blocks).encode(errors="replace")


def write_bytes(data: bytes) -> None:
    """Effect: writes to the standard output as it is."""
    sys.stdout.flush()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(data.decode(errors="replace"))


def message(text: str, kind: str = "error") -> None:
    """Effect: says something to the user on the standard error."""
    line = Text("tlsight: ").append(f"{kind}: ", style="bold red" if kind == "error" else "bold")
    console(sys.stderr).print(line.append(text, style="not bold"))


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Effect: shows how many files are done, if there is a terminal that shows it."""
    terminal = console(sys.stderr)
    if not terminal.is_terminal or total < 2:
        yield lambda _: None
        return
    with terminal.status(f"0 of {total} files") as status:
        yield lambda done: status.update(f"{done} of {total} files")
