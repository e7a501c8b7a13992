"""A function of thousands of branches, and what its analysis costs beside the parse of clang.

`python tests/bench/large.py [--branches 10000]` prints a line for each shape in C and in C++, and
ends with status 1 if a bound is missed. Each is measured in a process of its own, in its processor
time. `tests/test_large.py` takes the same texts, and asks what is found in them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tlsight import analysis
from tlsight.clang import Session
from tlsight.config import Config
from tlsight.ir import Act
from tlsight.rulebook import load
from tlsight.syntax import Hints, parse, read
from tlsight.text import Lines
from tlsight.worker.garbage import rarely_collected

SHAPES = ("flat", "nested", "loop", "plain", "switch")
LANGUAGES = ("c", "cpp")
PER_PIECE = 20
"""Branches of a piece, `case` labels and parts of conditions counted."""
DEPTH = 60
"""Pieces that stand in each other in the nested shape: clang takes 256 brackets."""
MEGABYTES = 500
TIMES = 2.5
"""What lowering and engines may take, as times of what both parses take."""


@dataclass(frozen=True)
class Large:
    """A text with one large function, and where its mistakes are: rule and line, from 1."""

    data: bytes
    mistakes: tuple[tuple[str, int], ...]


def large(shape: str, language: str, branches: int) -> Large:
    """A text of this shape; `flat` pieces follow each other, `nested` ones stand in each other.

    In the `loop` shape all stand in one loop, from which jumps lead out and back. The `plain` shape
    and that of one `switch` have hardly any calls: what most long functions are like.
    """
    lines = [*_HEAD[language]]
    mistakes: list[tuple[str, int]] = []

    def put(text: str, rule: str = "") -> None:
        lines.append(text)
        if rule:
            mistakes.append((rule, len(lines)))

    for text, rule in _SETUP[language]:
        put(text, rule)
    if shape == "loop":
        put("    for (;;) {")
        put("    if (!running && total > 9) break;")
    pieces = max(1, branches // PER_PIECE)
    closing: list[str] = []
    if shape == "switch":
        put("    switch (mode) {")
        closing.append("    }")
    simple = _SIMPLE.get(shape)
    for number in range(pieces):
        for text, rule in simple(number) if simple else _piece(number, language):
            put(text, rule)
        if shape == "nested":
            put(f"    if (total != {number}) {{")
            closing.append("    }")
            if len(closing) == DEPTH:
                lines += closing
                closing = []
    lines += closing
    if shape == "loop":
        put("    }")
    lines += _TAIL
    return Large("\n".join(lines).encode() + b"\n", tuple(mistakes))


_HEAD = {
    "c": (
        "#include <string.h>",
        "#include <openssl/err.h>",
        "#include <openssl/rand.h>",
        "#include <openssl/ssl.h>",
        "int use(const void *data, int size);",
        "int large(int fd, int mode, unsigned flags, int running) {",
        "    unsigned char buffer[512], copy[512];",
        "    int count = 0, error = 0, total = 0, result = -1;",
    ),
    "cpp": (
        "#include <cstring>",
        "#include <QSslSocket>",
        "#include <QSslConfiguration>",
        "#include <QCryptographicHash>",
        "#include <openssl/err.h>",
        "#include <openssl/rand.h>",
        "#include <openssl/ssl.h>",
        "int use(const void *data, int size);",
        "class Large {",
        "public:",
        "    int run(int fd, int mode, unsigned flags, bool running);",
        "    QSslSocket m_socket;",
        "};",
        "int Large::run(int fd, int mode, unsigned flags, bool running) {",
        "    unsigned char buffer[512], copy[512];",
        "    int count = 0, error = 0, total = 0, result = -1;",
        "    QSslConfiguration settings = m_socket.sslConfiguration();",
    ),
}
_SESSION = (
    ("    SSL_CTX *context = SSL_CTX_new(TLS_client_method());", ""),
    ("    SSL *session = NULL;", ""),
    ("    if (context == NULL) return -1;", ""),
    ("    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);", ""),
    ("    if (SSL_CTX_set_default_verify_paths(context) != 1) goto done;", ""),
    ("    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) goto done;", ""),
    ("    session = SSL_new(context);", ""),
    ("    if (session == NULL) goto done;", ""),
    ("    if (SSL_set_fd(session, fd) != 1) goto done;", ""),
    ("    if (SSL_connect(session) != 1) goto done;", "peer-name-unchecked"),
)
_SETUP = {
    "c": _SESSION,
    "cpp": (
        *_SESSION,
        ("    settings.setProtocol(QSsl::TlsV1_2OrLater);", ""),
        ("    m_socket.setSslConfiguration(settings);", ""),
    ),
}
_TAIL = (
    "    result = total;",
    "done:",
    "    SSL_free(session);",
    "    SSL_CTX_free(context);",
    "    return result;",
    "}",
)


def _piece(number: int, language: str) -> Iterator[tuple[str, str]]:
    """Ten lines with twenty branches; every eighth piece has a mistake."""
    kind = number % 40
    yield "    ERR_clear_error();", ""
    yield "    count = SSL_read(session, buffer, sizeof buffer - 1);", ""
    if kind == 8:
        yield "    memcpy(copy, buffer, count);", "read-result-as-length"
    yield f"    if (count <= 0 && mode != {number} && (flags & {1 << number % 31}u)) {{", ""
    yield "        error = SSL_get_error(session, count);", ""
    if kind == 16:
        yield "        ERR_print_errors_fp(stderr);", ""
        yield "        error = SSL_get_error(session, count);", "error-read-late"
    yield "        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)", ""
    yield f"            goto next_{number};", ""
    if kind == 24:
        yield "        SSL_shutdown(session);", "shutdown-after-fatal"
    yield "        goto done;", ""
    yield (
        f"    }} else if (count > {number % 400} || (mode && total < {number * 3}))"
        " total += count;",
        "",
    )
    yield f"    while (total > {number * 5} && running) total -= buffer[{number % 512}];", ""
    yield f"    switch (buffer[{number % 500}]) {{", ""
    yield f"    case 1: case 2: case 3: if (total) mode = {number}; break;", ""
    yield f"    case 4: case 5: total += use(buffer, {number}); /* fall through */", ""
    yield "    case 6: case 7: mode++; break;", ""
    yield "    default: if (use(copy, mode) < 0) goto done;", ""
    yield "    }", ""
    if kind == 32:
        yield "    RAND_bytes(copy, 16);", "result-unchecked"
    if kind == 0 and language == "cpp":
        yield "    QCryptographicHash::hash(QByteArray(), QCryptographicHash::Md5);", "weak-hash"
    elif kind == 0:
        yield "    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);", "weak-protocol-version"
    yield f"next_{number}:", ""
    yield "    if (mode == 7 ? total > 3 : count > 5) total ^= mode;", ""


def _plain(number: int) -> Iterator[tuple[str, str]]:
    """Twenty branches without a call; every eighth piece has a mistake."""
    for branch in range(number * PER_PIECE, (number + 1) * PER_PIECE, 2):
        yield f"    if (mode == {branch} && total > {branch}) total += {branch % 7};", ""
    if number % 8 == 0:
        yield "    RAND_bytes(copy, 16);", "result-unchecked"


def _cases(number: int) -> Iterator[tuple[str, str]]:
    """Twenty cases; every eighth piece has a mistake."""
    for case in range(number * PER_PIECE, (number + 1) * PER_PIECE):
        yield f"    case {case}: total += {case % 7};", ""
        if case % (8 * PER_PIECE) == 0:
            yield "        RAND_bytes(copy, 16);", "result-unchecked"
        yield "        break;", ""


_SIMPLE = {"plain": _plain, "switch": _cases}


def main() -> int:
    """Effect: measure every shape in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=10_000)
    parser.add_argument("--one", nargs=2, metavar=("SHAPE", "LANGUAGE"))
    options = parser.parse_args()
    if options.one:
        shape, language = options.one
        sys.stdout.write(json.dumps(measured(shape, language, options.branches)))
        return 0
    missed = []
    for language in LANGUAGES:
        for shape in SHAPES:
            command = [sys.executable, __file__, "--branches", str(options.branches)]
            run = subprocess.run(
                [*command, "--one", shape, language], capture_output=True, text=True, check=True
            )
            found = json.loads(run.stdout)
            missed += [f"{shape} {language}: {text}" for text in _missed(found)]
            sys.stdout.write(f"{shape:>7} {language:<4}" + _line(found) + "\n")
            sys.stdout.flush()
    sys.stdout.write("".join(f"missed: {text}\n" for text in missed))
    return int(bool(missed))


PARTS = (
    (Session, "parse", "clang"),
    (Session, "facts", "clang"),
    (analysis, "parse", "trees"),
    (analysis, "read", "lowering"),
    (analysis, "judged", "engines"),
)
"""What is measured: where a function stands, its name, and what it is a part of."""


def timed_parts() -> dict[str, float]:
    """Effect: from now on each part of an analysis adds the seconds that it takes to this table."""
    times: dict[str, float] = {}
    for place, name, part in PARTS:
        setattr(place, name, _timed(getattr(place, name), part, times))
    return times


def measured(shape: str, language: str, branches: int) -> dict[str, float]:
    """What reading and judging a text cost: seconds of this process, and megabytes."""
    text = large(shape, language, branches)
    times = timed_parts()
    rarely_collected()
    with tempfile.TemporaryDirectory(prefix="tlsight-large-") as folder:
        path = Path(folder, f"large.{language}")
        analyst = analysis.Analyst(load(), Config(), path.parent, path.parent / "cache")
        analyst.final(path.with_stem("small"), b"int small;\n")
        times.clear()
        report = analyst.final(path, text.data)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    lines = Lines.of(text.data)
    found = {(item.rule, lines.position(item.span.start).line + 1) for item in report.findings}
    return {
        **times,
        "memory": memory,
        "lines": len(lines.starts),
        "branches": _branches(text.data, language),
        "mistakes": len(text.mistakes),
        "found": len(found & set(text.mistakes)),
        "given up": len(report.unanalysed),
    }


def _timed(
    function: Callable[..., object], name: str, times: dict[str, float]
) -> Callable[..., object]:
    def run(*arguments: object, **named: object) -> object:
        start = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            times[name] = times.get(name, 0.0) + time.process_time() - start

    return run


def _branches(data: bytes, language: str) -> int:
    """The tests and the `case` labels of a text."""
    module = read(parse(data, language, Hints()), Hints())
    nodes = [node for function in module.functions for node in function.nodes]
    cases = sum(len(edge.when) for node in nodes for edge in node.next if type(edge.when) is tuple)
    return cases + sum(node.act is Act.TEST for node in nodes)


def _missed(found: Mapping[str, float]) -> Iterator[str]:
    """The bounds that are not kept."""
    if found["trees"] + found["lowering"] + found["engines"] > TIMES * (
        found["clang"] + found["trees"]
    ):
        yield "the analysis takes too long"
    if found["memory"] > MEGABYTES:
        yield "it takes too much memory"
    if found["found"] < found["mistakes"] and not found["given up"]:
        yield "mistakes are missed without a word"


def _line(found: Mapping[str, float]) -> str:
    return (
        f" {found['lines']:6.0f} lines {found['branches']:6.0f} branches:"
        f" clang {found['clang']:.2f} s, trees {found['trees']:.2f} s,"
        f" lowering {found['lowering']:.2f} s, engines {found['engines']:.2f} s,"
        f" {found['memory']:.0f} MB; {found['found']:.0f} of {found['mistakes']:.0f} found"
    )


if __name__ == "__main__":
    sys.exit(main())
