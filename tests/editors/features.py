"""The table of `editors/README.md` that says what each client gets: read off the wire.

A column is made of one session of a client, as `wire.py` has noted it. The tests compare it with
the table, or write it, if `TLSIGHT_WRITE` is set in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "editors" / "README.md"
BEGIN = "<!-- written by the tests of the editors -->"
END = "<!-- as far as here -->"

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """All that was said in a session, by whom, in its order."""

    client: tuple[Message, ...]
    server: tuple[Message, ...]

    @classmethod
    def of(cls, log: Path) -> Session:
        """Effect: reads the notes of `wire.py`."""
        notes = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        sides = {
            side: tuple(note["message"] for note in notes if note["from"] == side)
            for side in ("client", "server")
        }
        return cls(sides["client"], sides["server"])

    def asked(self, method: str) -> Iterator[tuple[Message, Any]]:
        """The client's requests of a kind, with what they were answered; errors are left out."""
        answers = {
            item["id"]: item for item in self.server if "id" in item and "method" not in item
        }
        for item in self.client:
            if item.get("method") == method and "result" in answers.get(item.get("id"), {}):
                yield item.get("params") or {}, answers[item["id"]]["result"]

    def told(self, side: Iterable[Message], method: str) -> list[Message]:
        """The messages of a kind that one side has sent, by their parameters."""
        return [item.get("params") or {} for item in side if item.get("method") == method]


def column(session: Session) -> dict[str, str]:
    """What a client gets, by feature."""
    return {name: feature(session) for name, feature in _FEATURES.items()}


def written(page: str, client: str, cells: Mapping[str, str]) -> str:
    """The page with this column in its table."""
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    columns = dict(sorted({**_columns(old), client: cells}.items(), reverse=True))
    rows = [
        ["", *columns],
        ["---"] * (len(columns) + 1),
        *([name, *(cells.get(name, "") for cells in columns.values())] for name in _FEATURES),
    ]
    table = "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def noted(log: Path) -> str:
    """The text of a program that runs tlsight, and notes what is said to its server."""
    program = f'"{sys.executable}" -m tlsight.cli "$@"'
    wire = f'"{sys.executable}" "{Path(__file__).with_name("wire.py")}" "{log}"'
    return f'#!/bin/sh\n[ "$1" = serve ] && exec {wire} {program}\nexec {program}\n'


def agree(client: str, log: Path) -> None:
    """Effect: compares the column of a client with the page, or writes it if that is asked for."""
    page = PAGE.read_text(encoding="utf-8")
    now = written(page, client, column(Session.of(log)))
    if os.environ.get("TLSIGHT_WRITE"):
        PAGE.write_text(now, encoding="utf-8")
        return
    assert page == now, "TLSIGHT_WRITE=1 python -m pytest -m editor -k table  writes it anew"


def _columns(table: str) -> dict[str, dict[str, str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()
    ]
    if not rows:
        return {}
    head, _, *body = rows
    return {
        client: {row[0]: row[number] for row in body}
        for number, client in enumerate(head)
        if number
    }


def _version(session: Session) -> str:
    params, _ = next(session.asked("initialize"))
    info = params.get("clientInfo", {})
    return str(info.get("version", "unknown")).split("+")[0].removeprefix("v")


def _positions(session: Session) -> str:
    _, result = next(session.asked("initialize"))
    return str(result["capabilities"].get("positionEncoding", "utf-16"))


def _diagnostics(session: Session) -> str:
    opened = {
        item["textDocument"]["uri"] for item in session.told(session.client, "textDocument/didOpen")
    }
    pushed = [
        item
        for item in session.told(session.server, "textDocument/publishDiagnostics")
        if item["uri"] in opened and item.get("version") is not None
    ]
    if any(session.asked("textDocument/diagnostic")):
        assert not pushed, "diagnostics are pulled and pushed"
        return "pulled"
    return "pushed, with the version" if pushed else "no"


def _hover(session: Session) -> str:
    kinds = {
        result["contents"]["kind"] for _, result in session.asked("textDocument/hover") if result
    }
    return ", ".join(sorted(kinds)) or "no"


def _fixes(session: Session) -> str:
    actions = [
        action
        for params, result in session.asked("textDocument/codeAction")
        for action in result or ()
        if action.get("kind") == "quickfix" and "Suppress" not in action["title"]
    ]
    if not actions:
        return "no"
    late = list(session.asked("codeAction/resolve"))
    return "edit made when it is chosen" if late else "edit at once"


def _preferred(session: Session) -> str:
    offered = [
        action.get("isPreferred")
        for _, result in session.asked("textDocument/codeAction")
        for action in result or ()
    ]
    return "marked" if any(offered) else "not marked"


def _edits(session: Session) -> str:
    edits = [action["edit"] for _, action in session.asked("codeAction/resolve")]
    edits += [
        action["edit"]
        for _, result in session.asked("textDocument/codeAction")
        for action in result or ()
        if action.get("edit")
    ]
    return "with the version" if any("documentChanges" in edit for edit in edits) else "plain"


def _fix_all(session: Session) -> str:
    asked = any(
        "source.fixAll" in str(params["context"].get("only")) and result
        for params, result in session.asked("textDocument/codeAction")
    )
    return "yes" if asked else "no"


def _settings(session: Session) -> str:
    answers = {item["id"]: item for item in session.client if "id" in item and "method" not in item}
    asked = [
        item
        for item in session.server
        if item.get("method") == "workspace/configuration" and "result" in answers[item["id"]]
    ]
    return "asked for" if asked else "sent by the client"


def _files(session: Session) -> str:
    registered = [
        registration["method"]
        for item in session.told(session.server, "client/registerCapability")
        for registration in item["registrations"]
    ]
    if "workspace/didChangeWatchedFiles" in registered:
        return "watched by the client"
    return "looked at on opening and saving"


def _saves(session: Session) -> str:
    return "told" if session.told(session.client, "textDocument/didSave") else "no"


def _standing(session: Session) -> str:
    if session.told(session.server, "tlsight/status"):
        return "status"
    if session.told(session.server, "window/workDoneProgress/create"):
        return "progress of the first reading"
    return "no"


def _check(session: Session) -> str:
    checks = list(session.asked("tlsight/check"))
    if not checks:
        return "no"
    return "with progress" if session.told(session.server, "$/progress") else "yes"


def _pages(session: Session) -> str:
    return "yes" if any(result for _, result in session.asked("tlsight/pages")) else "no"


_FEATURES: Mapping[str, Callable[[Session], str]] = {
    "version": _version,
    "positions": _positions,
    "diagnostics": _diagnostics,
    "hover": _hover,
    "quick fixes": _fixes,
    "proven fixes": _preferred,
    "edits": _edits,
    "all safe fixes": _fix_all,
    "settings": _settings,
    "saves": _saves,
    "files of the project": _files,
    "how the analysis stands": _standing,
    "check of all files": _check,
    "pages of all rules": _pages,
}
"""The rows of the table, in their order."""
