"""How long an editor waits for diagnostics of Qt's DTLS file, beside clangd with clang-tidy.

Run it after `tests/corpus/fetch.py`: `python tests/bench/latency.py [--edits 50]`.
All sessions get the same edits in the same run, one server at a time, debounce included.
tlsight has two sessions, as it says nothing if the final answer equals the first: one pushes, and
shows when the first answer comes; in the other the client asks, and gets the final one.
Exit status 1 if a bound of the table is missed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
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
Answer = Callable[[Client, str, int], tuple[float, Shown]]
"""Waits for the answer to a version: when it came, and what it says."""


@dataclass
class Session:
    """What one session of a server was measured to take, in seconds, and what it was told."""

    open: float = 0.0
    edits: list[float] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
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
    clangd = [
        str(Path(sys.executable).with_name("clangd")),
        "--clang-tidy",
        f"--compile-commands-dir={build}",
        "--background-index=false",
    ]
    tlsight = [sys.executable, "-m", "tlsight.cli", "serve"]
    settings = {"build": str(build)}
    with tempfile.TemporaryDirectory(prefix="tlsight-bench-") as logs:
        log = Path(logs) / "log"
        theirs = measure(Client(clangd, folder, log), folder, path, edits, {}, _pushed(0.0))
        final = measure(Client(tlsight, folder, log), folder, path, edits, settings, _pulled)
        pause = 2 * max(final.edits)
        first = measure(Client(tlsight, folder, log), folder, path, edits, settings, _pushed(pause))
    return report(first, final, theirs)


def planned(text: str, count: int) -> list[Edit]:
    """Edits inside functions: whole statements, half ones and comments, each put in and out."""
    rng = random.Random(count)
    lines = text.split("\n")
    inside = [
        number
        for number, line in enumerate(lines)
        if line.startswith("    ") and line.rstrip().endswith(";")
    ]
    kinds = (
        " int probe = 1;",
        " // probe",
        " probe",
        " q_SSL_free(nullptr);",
        " if (true) {}",
        " QCryptographicHash probe(QCryptographicHash::Md5);",
        " QDtlsClientVerifier::GeneratorParameters probe(QCryptographicHash::Sha1, {});",
    )
    return [Edit(rng.choice(inside), rng.choice(kinds)) for _ in range((count + 1) // 2)]


def measure(
    client: Client,
    folder: Path,
    path: Path,
    edits: list[Edit],
    settings: dict[str, Any],
    answer: Answer,
) -> Session:
    """Effect: open the file and make every edit, waiting for an answer in between."""
    uri = path.as_uri()
    session = Session()
    client.answer_to(client.request("initialize", _initialize(folder, settings, answer)))
    client.notify("initialized", {})
    text = path.read_text(encoding="utf-8")
    document = {"uri": uri, "languageId": "cpp", "version": 1, "text": text}
    start = client.notify("textDocument/didOpen", {"textDocument": document})
    session.open = answer(client, uri, 1)[0] - start
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
            at, shown = answer(client, uri, version)
            session.edits.append(at - start)
            session.shown.append(shown)
    session.memory = client.memory()
    client.close()
    return session


def _pushed(pause: float) -> Answer:
    """The first answer that is pushed; then a pause, in which a second one may come."""

    def answer(client: Client, uri: str, version: int) -> tuple[float, Shown]:
        received = client.wait(lambda message: _is_about(message, uri, version))
        time.sleep(pause)
        return received.at, _shown(received.message["params"]["diagnostics"])

    return answer


def _pulled(client: Client, uri: str, version: int) -> tuple[float, Shown]:
    """The final answer: what a client is given that asks, and could not be told of another."""
    del version
    number = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    received = client.answer_to(number)
    return received.at, _shown(received.message["result"]["items"])


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


def _initialize(folder: Path, settings: dict[str, Any], answer: Answer) -> dict[str, Any]:
    push: dict[str, Any] = {"publishDiagnostics": {"versionSupport": True}}
    return {
        "processId": None,
        "rootUri": folder.as_uri(),
        "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
        "initializationOptions": settings,
        "capabilities": {"textDocument": {"diagnostic": {}} if answer is _pulled else push},
    }


def report(first: Session, final: Session, clangd: Session) -> int:
    """Effect: print the table; 1 if a bound is missed."""
    count = len(first.edits)
    rows = [
        ("open, first", first.open, clangd.open, 0.3),
        ("open, final", final.open, clangd.open, None),
        ("edit, first, median", _median(first.edits), _median(clangd.edits), 0.4),
        ("edit, first, p95", _p95(first.edits), _p95(clangd.edits), None),
        ("edit, final, median", _median(final.edits), _median(clangd.edits), 1.0),
        ("edit, final, p95", _p95(final.edits), _p95(clangd.edits), None),
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
    memory = max(first.memory, final.memory)
    out.append(
        f"{'memory, all processes':22}{memory >> 20:7} MB{clangd.memory >> 20:7} MB"
        f"{memory / clangd.memory:8.2f}"
    )
    same = sum(early == late for early, late in zip(first.shown, final.shown, strict=True))
    missed |= same < 0.98 * count
    out.append(
        f"first answer equals the final one: {same} of {count} ({max(map(len, final.shown))}"
        " findings at most)"
    )
    sys.stdout.write("\n".join(out) + "\n")
    return int(missed)


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


if __name__ == "__main__":
    sys.exit(main())
