"""How long a hover takes while a file is read for the first time, with clangd at work beside it.

Run it after `tests/corpus/fetch.py`: `python tests/bench/hover.py [--rounds 3]`.
Both servers open Qt's DTLS file at once, as in one editor, and are asked for one hover after the
other until they say what is wrong in the file (clangd answers none before).
Exit status 1 if the median of ours is not below the bound.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from stdio import Client

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))

from fetch import corpus, database, source_folder

PACKAGE = "qt6-base"
FILE = "src/plugins/tls/openssl/qdtls_openssl.cpp"
BOUND = 0.05
"""Seconds that a hover may take at the median."""


def main() -> int:
    """Effect: measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    folder = source_folder(corpus(), PACKAGE)
    if folder is None or not database(corpus(), PACKAGE).exists():
        sys.stderr.write("the corpus is missing: run tests/corpus/fetch.py as root first\n")
        return 2
    build = database(corpus(), PACKAGE).parent
    beside = str(Path(sys.executable).with_name("clangd"))
    commands = {
        "tlsight": [sys.executable, "-m", "tlsight.cli", "serve"],
        "clangd": [
            *(beside, "--clang-tidy", "--background-index=false"),
            f"--compile-commands-dir={build}",
        ],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="tlsight-bench-") as logs:
            sessions = [
                threading.Thread(
                    target=hovered,
                    args=(Client(command, folder, Path(logs) / name), folder, build, number),
                    kwargs={"into": times[name]},
                )
                for name, command in commands.items()
            ]
            for session in sessions:
                session.start()
            for session in sessions:
                session.join()
    return report(times)


def hovered(client: Client, folder: Path, build: Path, seed: int, into: list[float]) -> None:
    """Effect: open the file, and ask for hovers until it has been read; how long each took."""
    path = folder / FILE
    text = path.read_text(encoding="utf-8")
    document = {"uri": path.as_uri()}
    client.answer_to(client.request("initialize", _initialize(folder, build)))
    client.notify("initialized", {})
    opened = {**document, "languageId": "cpp", "version": 1, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": opened})
    read = client.request("textDocument/diagnostic", {"textDocument": document})
    rng = random.Random(seed)
    lines = text.split("\n")
    while not client.has_answered(read):
        line = rng.randrange(len(lines))
        position = {"line": line, "character": rng.randint(0, len(lines[line]))}
        start = time.perf_counter()
        asked = {"textDocument": document, "position": position}
        number = client.request("textDocument/hover", asked)
        into.append(client.answer_to(number).at - start)
    client.close()


def _initialize(folder: Path, build: Path) -> dict[str, Any]:
    return {
        "processId": None,
        "rootUri": folder.as_uri(),
        "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
        "initializationOptions": {"build": str(build)},
        "capabilities": {"textDocument": {"diagnostic": {}}},
    }


def report(times: dict[str, list[float]]) -> int:
    """Effect: print the table; 1 if the bound is missed."""
    out = [
        f"{FILE}, hovers during the first parse",
        f"{'':10}{'hovers':>8}{'median':>10}{'p95':>10}",
    ]
    for name, taken in times.items():
        p95 = sorted(taken)[min(len(taken) - 1, int(0.95 * len(taken)))]
        median = statistics.median(taken)
        out.append(f"{name:10}{len(taken):8}{median * 1000:8.1f}ms{p95 * 1000:8.1f}ms")
    missed = statistics.median(times["tlsight"]) >= BOUND
    out.append(f"bound: {BOUND * 1000:.0f} ms at the median{', missed' if missed else ''}")
    sys.stdout.write("\n".join(out) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
