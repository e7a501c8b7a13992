"""How long an editor waits for diagnostics of Qt's DTLS file, beside clangd with clang-tidy.

Run it after `tests/corpus/fetch.py`: `python tests/bench/latency.py [--edits 50]`.
Both servers get the same edits in the same run, one server at a time, debounce included.
Exit status 1 if a bound of the table is missed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stdio import Client

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))

from fetch import corpus, database, source_folder

PACKAGE = "qt6-base"
FILE = "src/plugins/tls/openssl/qdtls_openssl.cpp"

Shown = frozenset[tuple[int, int, str, str]]


@dataclass
class Times:
    """What was measured of one server, in seconds."""

    open_first: float = 0.0
    open_final: float = 0.0
    edit_first: list[float] = field(default_factory=list)
    edit_final: list[float] = field(default_factory=list)
    same: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Edit:
    """Text put in at the end of a line, and taken out again by the next edit."""

    line: int
    text: str


def main() -> int:
    """Effect: measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=50)
    options = parser.parse_args()
    folder = source_folder(corpus(), PACKAGE)
    if folder is None or not database(corpus(), PACKAGE).exists():
        sys.stderr.write("the corpus is missing: run tests/corpus/fetch.py as root first\n")
        return 2
    build = database(corpus(), PACKAGE).parent
    path = folder / FILE
    edits = planned(path.read_text(encoding="utf-8"), options.edits)
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="tlsight-bench-") as logs:
        clangd = measure(
            [
                str(scripts / "clangd"),
                "--clang-tidy",
                f"--compile-commands-dir={build}",
                "--background-index=false",
            ],
            folder,
            path,
            edits,
            {},
            _clangd_final,
            Path(logs) / "clangd.log",
        )
        tlsight = measure(
            [sys.executable, "-m", "tlsight.cli", "serve"],
            folder,
            path,
            edits,
            {"build": str(build)},
            _tlsight_final,
            Path(logs) / "tlsight.log",
        )
    return report(tlsight, clangd)


def planned(text: str, count: int) -> list[Edit]:
    """Edits inside functions: whole statements, half ones and comments, each put in and out."""
    rng = random.Random(count)
    lines = text.split("\n")
    inside = [
        number
        for number, line in enumerate(lines)
        if line.startswith("    ") and line.rstrip().endswith(";")
    ]
    kinds = (" int probe = 1;", " // probe", " probe", " q_SSL_free(nullptr);", " if (true) {}")
    return [Edit(rng.choice(inside), rng.choice(kinds)) for _ in range((count + 1) // 2)]


def measure(
    command: list[str],
    folder: Path,
    path: Path,
    edits: list[Edit],
    options: dict[str, Any],
    final_of: Callable[[Client, str, int, Shown, float], tuple[float, Shown]],
    log: Path,
) -> Times:
    """Effect: open the file and type every edit, waiting for the final answer in between."""
    client = Client(command, folder, log)
    uri = path.as_uri()
    times = Times()
    client.answer_to(client.request("initialize", _initialize(folder, options)))
    client.notify("initialized", {})
    text = path.read_text(encoding="utf-8")
    document = {"uri": uri, "languageId": "cpp", "version": 1, "text": text}
    start = client.notify("textDocument/didOpen", {"textDocument": document})
    times.open_first, times.open_final, _ = _answers(client, uri, 1, start, final_of)
    version = 1
    lengths = [len(line) for line in text.split("\n")]
    for edit in edits:
        end = lengths[edit.line]
        inserted = {"range": _range(edit.line, end, end), "text": edit.text}
        removed = {"range": _range(edit.line, end, end + len(edit.text)), "text": ""}
        for change in (inserted, removed):
            version += 1
            client.forget()
            start = client.notify(
                "textDocument/didChange",
                {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
            )
            first, final, same = _answers(client, uri, version, start, final_of)
            times.edit_first.append(first)
            times.edit_final.append(final)
            times.same += same
    times.memory = client.memory()
    client.close()
    return times


def _answers(
    client: Client,
    uri: str,
    version: int,
    start: float,
    final_of: Callable[[Client, str, int, Shown, float], tuple[float, Shown]],
) -> tuple[float, float, bool]:
    """Seconds to the first and to the final answer, and whether both say the same."""
    received = client.wait(lambda message: _is_about(message, uri, version))
    first = _shown(received.message["params"]["diagnostics"])
    at, final = final_of(client, uri, version, first, received.at)
    return received.at - start, at - start, first == final


def _clangd_final(
    client: Client, uri: str, version: int, first: Shown, at: float
) -> tuple[float, Shown]:
    """Clangd publishes once for a version."""
    del client, uri, version
    return at, first


def _tlsight_final(
    client: Client, uri: str, version: int, first: Shown, at: float
) -> tuple[float, Shown]:
    """A client that cannot be told to ask again is given the final answer when it asks."""
    del version, first
    number = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    received = client.answer_to(number)
    return max(at, received.at), _shown(received.message["result"]["items"])


def _is_about(message: dict[str, Any], uri: str, version: int) -> bool:
    if message.get("method") != "textDocument/publishDiagnostics":
        return False
    params = message["params"]
    return bool(params["uri"] == uri and params.get("version") == version)


def _shown(diagnostics: list[dict[str, Any]]) -> Shown:
    return frozenset(
        (
            item["range"]["start"]["line"],
            item["range"]["start"]["character"],
            str(item.get("code")),
            item["message"],
        )
        for item in diagnostics
    )


def _range(line: int, start: int, end: int) -> dict[str, Any]:
    return {
        "start": {"line": line, "character": start},
        "end": {"line": line, "character": end},
    }


def _initialize(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "processId": None,
        "rootUri": folder.as_uri(),
        "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
        "initializationOptions": options,
        "capabilities": {
            "textDocument": {"publishDiagnostics": {"versionSupport": True}},
        },
    }


def report(tlsight: Times, clangd: Times) -> int:
    """Effect: print the table; 1 if a bound is missed."""
    count = len(tlsight.edit_first)
    rows = [
        ("open, first", tlsight.open_first, clangd.open_first, 0.3),
        ("open, final", tlsight.open_final, clangd.open_final, None),
        ("edit, first, median", _median(tlsight.edit_first), _median(clangd.edit_first), 0.4),
        ("edit, first, p95", _p95(tlsight.edit_first), _p95(clangd.edit_first), None),
        ("edit, final, median", _median(tlsight.edit_final), _median(clangd.edit_final), 1.0),
        ("edit, final, p95", _p95(tlsight.edit_final), _p95(clangd.edit_final), None),
    ]
    missed = False
    out = [
        f"{FILE}, {count} edits",
        f"{'':22}{'tlsight':>10}{'clangd':>10}{'ratio':>8}{'bound':>8}",
    ]
    for name, mine, theirs, bound in rows:
        ratio = mine / theirs
        late = bound is not None and ratio > bound
        missed |= late
        limit = f"{bound:8.1f}" if bound is not None else " " * 8
        note = "  missed" if late else ""
        out.append(f"{name:22}{mine * 1000:8.0f}ms{theirs * 1000:8.0f}ms{ratio:8.2f}{limit}{note}")
    out.append(
        f"{'memory, all processes':22}{tlsight.memory >> 20:8} MB{clangd.memory >> 20:7} MB"
        f"{tlsight.memory / clangd.memory:8.2f}"
    )
    share = 100 * tlsight.same / count
    missed |= share < 98
    out.append(f"first answer equals the final one: {tlsight.same} of {count} ({share:.0f} in 100)")
    sys.stdout.write("\n".join(out) + "\n")
    return int(missed)


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


if __name__ == "__main__":
    sys.exit(main())
