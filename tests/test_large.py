"""Functions of ten thousand branches: what is found in them, and that what was given up is said.

`bench/large.py` makes the texts, and measures them; nothing here looks at a clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.large import LANGUAGES, SHAPES, large, measured
from tlsight import analysis
from tlsight.analysis import Analyst
from tlsight.config import Config
from tlsight.engine import Unit, check, flow, result
from tlsight.finding import Finding, Report
from tlsight.rulebook import load
from tlsight.text import Lines

HEAD = """#include <openssl/ssl.h>
int large(SSL *s, int mode, unsigned flags) {
    unsigned char data[64]; int count = 0, error = 0, total = 0, version = 0;
"""
TAIL = "done:\n    SSL_shutdown(s); return total + version;\n}\n"
MANY_WAYS = "it has too many ways through it, so not all of them were followed"
TOO_DEEP = "it is nested too deeply to be read"


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Analyst:
    folder = tmp_path_factory.mktemp("large")
    return Analyst(load(), Config(), folder, folder / "cache", lone=True)


def places(data: bytes, findings: tuple[Finding, ...]) -> set[tuple[str, int]]:
    lines = Lines.of(data)
    return {(item.rule, lines.position(item.span.start).line + 1) for item in findings}


def read_unit(analyst: Analyst, name: str, data: bytes) -> Unit:
    """A text as the engines see it, before they have been asked."""
    units: list[Unit] = []

    def kept(_index: object, unit: Unit, *_: object) -> tuple[tuple[Finding, ...], tuple[()]]:
        units.append(unit)
        return (), ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "judged", kept)
        analyst.first(Path(name), data)
    return units[0]


def final(analyst: Analyst, body: str) -> Report:
    data = (HEAD + body + TAIL).encode()
    return analyst.final(Path("final.c"), data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_mistake_in_ten_thousand_branches_is_found(
    analyst: Analyst, shape: str, language: str
) -> None:
    text = large(shape, language, 10_000)

    report = analyst.first(Path(f"{shape}.{language}"), text.data)

    assert len(text.mistakes) == 64
    planted = {rule for rule, _ in text.mistakes}
    found = places(text.data, report.findings)
    assert {item for item in found if item[0] in planted} == set(text.mistakes)


def spent(analyst: Analyst, shape: str, branches: int) -> int:
    """The steps that all walks through the one function take together."""
    unit = read_unit(analyst, f"{shape}-{branches}.c", large(shape, "c", branches).data)
    function = len(unit.module.functions) - 1
    before = flow.budget(unit, function)
    check(analyst.index, unit, Config(), lambda: ())
    assert not flow.has_given_up(unit, function)
    return before - flow.budget(unit, function)


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_branches_take_twice_the_steps(analyst: Analyst, shape: str) -> None:
    once, twice = spent(analyst, shape, 2_000), spent(analyst, shape, 4_000)

    assert twice <= 2.2 * once


@pytest.mark.parametrize("shape", SHAPES)
def test_ways_that_save_steps_change_no_answer(
    analyst: Analyst, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large(shape, "c", 800).data
    expected = check(analyst.index, read_unit(analyst, "short.c", data), Config(), lambda: ())
    monkeypatch.setattr(flow, "_LONG", 0)  # all definitions of a name at once
    monkeypatch.setattr(result, "_FEW", -1)  # never ask where a walk may end
    monkeypatch.setattr(result, "_LONG", -1)

    actual = check(analyst.index, read_unit(analyst, "short.c", data), Config(), lambda: ())

    assert expected
    assert actual == expected


def test_what_reaches_a_node_is_the_same_one_by_one_and_at_once(
    analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large("loop", "c", 200).data
    one_by_one, at_once = (read_unit(analyst, "loop.c", data) for _ in range(2))
    function = len(one_by_one.module.functions) - 1
    asked = [
        (node, name, touches)
        for node in range(2, len(one_by_one.module.functions[function].nodes))
        for name in ("count", "total", "buffer", "session", "fd")
        for touches in (False, True)
    ]
    expected = [flow.reaching(one_by_one, function, *item) for item in asked]
    monkeypatch.setattr(flow, "_LONG", 0)

    actual = [flow.reaching(at_once, function, *item) for item in asked]

    assert actual == expected


def test_a_walk_with_too_many_ways_is_given_up_aloud(analyst: Analyst) -> None:
    report = final(
        analyst,
        "".join(
            f"""again_{number}: count = SSL_read(s, data, 64); if (count <= 0) {{
    error = SSL_get_error(s, count);
    if (error == SSL_ERROR_WANT_READ) goto again_{number};
    if (flags == {number}) {{ mode = {number}; goto again_{number // 2}; }}
    if (mode == {number}) total = {number}; }}
"""
            for number in range(300)
        ),
    )

    assert [(item.reason, item.function) for item in report.unanalysed] == [(MANY_WAYS, "large")]


def test_a_value_from_too_many_places_is_given_up_aloud(analyst: Analyst) -> None:
    report = final(
        analyst,
        "".join(f"    if (mode == {number}) version = flags & {number};\n" for number in range(200))
        + "    if (SSL_set_min_proto_version(s, version) != 1) goto done;\n",
    )

    assert [(item.reason, item.function) for item in report.unanalysed] == [(MANY_WAYS, "large")]


def test_a_callback_that_ends_in_too_many_ways_is_named(analyst: Analyst) -> None:
    flags = "".join(f" int f{number} = 0;" for number in range(20))
    tests = "".join(f" if (data[{number}]) f{number} = 1;\n" for number in range(20))
    total = " + ".join(f"f{number}" for number in range(20))
    text = f"""#include <openssl/ssl.h>
static int verify(SSL *s, const unsigned char *data, unsigned size) {{
{flags}
{tests}
    return {total} > 3;
}}
void install(SSL_CTX *context) {{ SSL_CTX_set_cookie_verify_cb(context, verify); }}
"""
    report = analyst.final(Path("callback.c"), text.encode())

    assert (MANY_WAYS, "verify") in {(item.reason, item.function) for item in report.unanalysed}


def test_a_chain_of_else_if_may_be_long(analyst: Analyst) -> None:
    chain = " else ".join(
        f"if (mode == {number}) {{ total = SSL_write(s, data, {number}); }}"
        for number in range(3_000)
    )
    report = final(analyst, chain + "\n    SSL_set_min_proto_version(s, TLS1_VERSION);\n")

    assert report.unanalysed == ()
    assert "weak-protocol-version" in {item.rule for item in report.findings}


def test_what_is_nested_too_deeply_is_named(analyst: Analyst) -> None:
    depth = 2_000
    data = (HEAD + "if (mode) {" * depth + "total++;" + "}" * depth + TAIL).encode()

    report = analyst.final(Path("deep.c"), data)

    assert TOO_DEEP in {item.reason for item in report.unanalysed}


def test_the_benchmark_measures_what_it_says() -> None:
    found = measured("flat", "c", 200)

    assert found["found"] == found["mistakes"] > 0
    assert min(found[name] for name in ("clang", "trees", "lowering", "engines")) > 0
