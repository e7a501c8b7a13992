"""What changed since a revision, in real repositories, and that nothing of them is run."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import fake_worker
from tlsight.cli import changes, check, main, project
from tlsight.cli.changes import WHOLE, Lines
from tlsight.cli.status import UsageError
from tlsight.finding import Finding, Related, Report, Severity, Suppression, Unanalysed
from tlsight.rulebook import load
from tlsight.text import Span
from tlsight.views import Answer

PAGES = Path(__file__).parent / "pages"

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, workers that find the word BAD, and nobody's configuration of git."""
    monkeypatch.setattr(check.check, "__defaults__", (fake_worker.COMMAND,))
    monkeypatch.setattr(project, "load", functools.partial(load, pages=PAGES))
    for key in list(os.environ):
        if key.startswith("GIT_"):
            monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")
    folder = tmp_path.resolve() / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def git(here: Path) -> Git:
    """A repository in the working folder, with a branch `main` and an empty commit."""

    def run(*arguments: str, cwd: Path = here) -> str:
        done = subprocess.run(
            ("git", *arguments), cwd=cwd, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    run("init", "-q", "-b", "main")
    run("commit", "-q", "--allow-empty", "-m", "first")
    return run


def committed(git: Git, files: Mapping[str, str | bytes], *, cwd: Path | None = None) -> None:
    """Effect: writes files and commits them."""
    folder = cwd or Path.cwd()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "more", cwd=folder)


def since(revision: str, *paths: str) -> dict[str, tuple[Lines, ...]]:
    """The changed lines by path from the working folder."""
    changed = changes.since(revision, [Path(path) for path in paths or (".",)])
    return {os.path.relpath(path): lines for path, lines in changed.items()}


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["check", *arguments])
    return (status, *capsys.readouterr())


def test_only_findings_on_changed_lines_are_told(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(git, {"a.c": "BAD\nfine\nBAD\n", "b.c": "BAD\n"})
    (here / "a.c").write_text("BAD\nBAD\nBAD\n")
    status, out, _ = told(capsys, "--changed-since", "main", ".")

    assert 1 == status
    assert out.startswith("a.c:2:1: warning: BAD is bad")
    assert out.endswith("\n1 file checked where changed since main: 1 warning; 1 with a fix.\n")


def test_a_touched_line_without_a_finding_is_clean(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(git, {"a.c": "BAD\nfine\n"})
    (here / "a.c").write_text("BAD\nfiner\n")

    assert (0, "1 file checked where changed since HEAD: nothing found.\n", "") == told(
        capsys, "--changed-since", "HEAD", "a.c"
    )


def test_nothing_changed_is_said(git: Git, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    committed(git, {"a.c": "BAD\n"})
    expected = "0 files checked: nothing changed since main.\n"

    assert (0, expected, "") == told(capsys, "--changed-since", "main", ".")
    assert (0, "", expected) == told(
        capsys, "--changed-since", "main", "--format", "gitlab", "--output", "report.json", "."
    )
    assert "[]\n" == (here / "report.json").read_text()


def test_documents_and_the_status_follow(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(git, {"a.c": "BAD\nfine\nBAD\n", "b.c": "BAD\n"})
    (here / "a.c").write_text("BAD\nBAD\nBAD\n")
    options = ("--changed-since", "main", ".")
    whole = json.loads(told(capsys, "--format", "sarif", ".")[1])["runs"][0]["results"]
    status, sarif, _ = told(capsys, "--format", "sarif", *options)
    (run,) = json.loads(sarif)["runs"]
    (issue,) = json.loads(told(capsys, "--format", "gitlab", *options)[1])
    (file,) = json.loads(told(capsys, "--format", "json", *options)[1])["files"]

    assert (1, 1) == (status, run["invocations"][0]["exitCode"])
    assert [whole[1]["partialFingerprints"]] == [
        result["partialFingerprints"] for result in run["results"]
    ]
    assert {"begin": 2, "end": 2} == issue["location"]["lines"]
    assert [2] == [finding["start"]["line"] for finding in file["findings"]]


def test_it_is_the_merge_base_that_counts(git: Git, here: Path) -> None:
    committed(git, {"a.c": "1\n2\n3\n", "b.c": "1\n"})
    git("checkout", "-q", "-b", "topic")
    committed(git, {"a.c": "1\n2\nthree\n"})
    git("checkout", "-q", "main")
    committed(git, {"a.c": "one\n2\n3\n", "b.c": "one\n"})
    git("checkout", "-q", "topic")
    (here / "a.c").write_text("1\ntwo\nthree\n")

    assert {"a.c": (Lines(1, 3),)} == since("main")


def test_what_is_staged_and_what_is_not_counts(git: Git, here: Path) -> None:
    committed(git, {"a.c": "1\n2\n3\n"})
    (here / "a.c").write_text("one\n2\n3\n")
    git("add", "a.c")
    (here / "a.c").write_text("one\n2\nthree\n")

    assert {"a.c": (Lines(0, 1), Lines(2, 3))} == since("HEAD")


def test_a_new_file_is_changed_and_an_ignored_one_is_not(git: Git, here: Path) -> None:
    committed(git, {".gitignore": "ignored.c\n"})
    for name in ("ignored.c", "untracked.c", "staged.c", "meant.c"):
        (here / name).write_text("1\n2\n")
    git("add", "staged.c")
    git("add", "--intent-to-add", "meant.c")

    assert {
        "untracked.c": WHOLE,
        "staged.c": (Lines(0, 2),),
        "meant.c": (Lines(0, 2),),
    } == since("HEAD")


def test_a_deleted_file_is_nothing_and_a_renamed_one_is_what_changed(git: Git, here: Path) -> None:
    committed(git, {"old.c": "".join(f"{n}\n" for n in range(9)), "gone.c": "x\n", "pure.c": "y\n"})
    (here / "gone.c").unlink()
    git("mv", "old.c", "new.c")
    git("mv", "pure.c", "same.c")
    (here / "new.c").write_text("".join(f"{n}\n" for n in range(8)) + "eight\n")

    assert {"new.c": (Lines(8, 9),)} == since("HEAD")


def test_lines_that_were_taken_away_leave_an_empty_range(git: Git, here: Path) -> None:
    committed(git, {"a.c": "1\n2\n3\n4\n"})
    (here / "a.c").write_text("2\n4\n")

    assert {"a.c": (Lines(0, 0), Lines(1, 1))} == since("HEAD")


@pytest.mark.parametrize(
    "name",
    [
        "with space.c",
        "x b/y.c",
        'quo"te.c',
        '"quoted".c',
        "back\\slash.c",
        "tab\tand space.c",
        "new\nline.c",
        "ä.c",
        "漢字 😀.c",
        "b/b/b.c",
        "-option.c",
        "\udcff.c",
    ],
)
def test_every_name_is_read(git: Git, here: Path, name: str) -> None:
    committed(git, {name: "1\n2\n"})
    (here / name).write_text("1\ntwo\n")
    (here / f"{name}.new.c").write_text("1\n")

    assert {name: (Lines(1, 2),), f"{name}.new.c": WHOLE} == since("HEAD")


def test_what_looks_like_a_diff_in_a_diff_is_text(git: Git, here: Path) -> None:
    committed(git, {"a.c": "-- /dev/null\nx\n", "b.c": "1\n"})
    (here / "a.c").write_text("++ b/c.c\n@@ -1 +7 @@\nx\n")
    (here / "b.c").write_text("one")

    assert {"a.c": (Lines(0, 2),), "b.c": (Lines(0, 1),)} == since("HEAD")


@pytest.mark.parametrize("convert", ["true", "false"])
def test_lines_may_end_with_crlf(git: Git, here: Path, convert: str) -> None:
    git("config", "core.autocrlf", convert)
    committed(git, {"a.c": b"1\r\n2\r\n3\r\n"})
    (here / "a.c").write_bytes(b"1\r\ntwo\r\n3\r\n")

    assert {"a.c": (Lines(1, 2),)} == since("HEAD")


def test_the_settings_of_a_user_change_nothing(git: Git, here: Path) -> None:
    committed(git, {"sub/a.c": "".join(f"{n}\n" for n in range(9))})
    text = "".join(f"{n}\n" for n in range(9)).replace("2\n", "two\n").replace("4\n", "four\n")
    (here / "sub" / "a.c").write_text(text)
    for setting in (
        *("diff.noPrefix=true", "diff.context=5", "diff.interHunkContext=5", "diff.relative=true"),
        *("color.ui=always", "core.quotePath=true", "diff.renames=false"),
    ):
        git("config", *setting.split("="))

    assert {"sub/a.c": (Lines(2, 3), Lines(4, 5))} == since("HEAD", "sub")


def test_a_file_that_attributes_call_binary_is_read_all_the_same(git: Git, here: Path) -> None:
    committed(git, {".gitattributes": "*.c binary\n", "a.c": "1\n2\n"})
    (here / "a.c").write_text("1\ntwo\n")

    assert {"a.c": (Lines(1, 2),)} == since("HEAD")


def test_a_file_that_is_not_merged_is_changed(git: Git) -> None:
    committed(git, {"a b.c": "1\n"})
    git("checkout", "-q", "-b", "topic")
    committed(git, {"a b.c": "2\n"})
    git("checkout", "-q", "main")
    committed(git, {"a b.c": "3\n"})
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "topic")

    assert {"a b.c": (Lines(0, 1), Lines(2, 5))} == since("HEAD")  # all but the line of HEAD


def test_a_path_can_be_named_from_a_subfolder(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(git, {"sub/a.c": "fine\n", "b.c": "fine\n"})
    (here / "sub" / "a.c").write_text("BAD\n")
    (here / "b.c").write_text("BAD\n")
    monkeypatch.chdir(here / "sub")
    status, out, _ = told(capsys, "--changed-since", "HEAD", "a.c", "../b.c")

    assert 1 == status
    assert ["a.c:1:1:", "../b.c:1:1:"] == [
        line.split(" ")[0] for line in out.splitlines() if ": warning:" in line
    ]


def test_a_link_stands_for_what_it_links_to(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    committed(git, {"a.c": "fine\n"})
    (here / "a.c").write_text("BAD\n")
    (tmp_path / "link").symlink_to(here)

    assert 1 == told(capsys, "--changed-since", "HEAD", str(tmp_path / "link" / "a.c"))[0]


def test_another_working_tree_of_a_repository_works(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(git, {"a.c": "1\n2\n"})
    git("worktree", "add", "-q", "-b", "topic", str(tmp_path / "tree"))
    (tmp_path / "tree" / "a.c").write_text("1\ntwo\n")
    monkeypatch.chdir(tmp_path / "tree")

    assert {"a.c": (Lines(1, 2),)} == since("main")


def test_paths_may_lie_in_several_repositories(git: Git, here: Path) -> None:
    for name in ("one", "two"):
        (here / name).mkdir()
        git("init", "-q", "-b", "main", cwd=here / name)
        committed(git, {"a.c": "1\n"}, cwd=here / name)
        (here / name / "a.c").write_text("changed\n")

    assert {"one/a.c": (Lines(0, 1),), "two/a.c": (Lines(0, 1),)} == since("main", "one", "two/a.c")


def test_before_the_first_commit_all_is_new(here: Path) -> None:
    subprocess.run(("git", "init", "-q"), cwd=here, check=True)
    (here / "a.c").write_text("1\n2\n")
    subprocess.run(("git", "add", "a.c"), cwd=here, check=True)

    assert {"a.c": (Lines(0, 2),)} == since("HEAD")
    with pytest.raises(UsageError, match="git knows no revision 'main'"):
        since("main")


def test_a_hook_of_another_repository_does_not_lead_astray(
    git: Git, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(git, {"sub/a.c": "1\n"})
    (here / "sub" / "a.c").write_text("one\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index.lock"))

    assert {"sub/a.c": (Lines(0, 1),)} == since("HEAD", "sub")


def test_a_folder_without_a_repository_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.c").write_text("BAD\n")
    status, out, error = told(capsys, "--changed-since", "main", "a.c")

    assert (2, "") == (status, out)
    assert f"git finds no repository at '{here}', which --changed-since needs" in error


def test_a_missing_git_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a.c").write_text("BAD\n")
    monkeypatch.setenv("PATH", str(here))
    status, out, error = told(capsys, "--changed-since", "main", "a.c")

    assert (2, "") == (status, out)
    assert "git cannot be started" in error and "install git" in error


@pytest.mark.parametrize("revision", ["none", "", "--output=marker", "-h", "main:a.c", "^main"])
def test_an_unknown_revision_is_said_and_is_never_an_option(
    git: Git, here: Path, capsys: pytest.CaptureFixture[str], revision: str
) -> None:
    committed(git, {"a.c": "BAD\n"})
    status, out, error = told(capsys, f"--changed-since={revision}", "a.c")

    assert (2, "") == (status, out)
    assert f"git knows no revision '{revision}'" in error and "fetch-depth: 0" in error
    assert not (here / "marker").exists()


def test_no_common_ancestor_is_said(git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    git("checkout", "-q", "--orphan", "other")
    committed(git, {"a.c": "BAD\n"})
    status, out, error = told(capsys, "--changed-since", "main", "a.c")

    assert (2, "") == (status, out)
    assert "'main' and HEAD have no common ancestor" in error and "fetch-depth: 0" in error


def test_nothing_that_a_repository_brings_along_is_run(
    git: Git, here: Path, tmp_path: Path
) -> None:
    """Every program that its configuration names leaves a file, and none may be there."""
    ran = tmp_path / "ran"
    ran.mkdir()

    def evil(name: str) -> str:
        script = tmp_path / f"evil-{name}"
        script.write_text(f"#!/bin/sh\ntouch '{ran}/{name}'\ncat\n")
        script.chmod(0o755)
        return str(script)

    inner = here / "inner"
    inner.mkdir()
    git("init", "-q", cwd=inner)
    committed(git, {"x.c": "1\n", ".gitattributes": "x.c filter=inner\n"}, cwd=inner)
    committed(git, {"a.c": "1\n2\n", "b.c": "1\n", "c.c": "1\n", "d.c": "1\n", "e.c": "1\n"})
    os.utime(here / "e.c", (0, 0))  # so that git would like to write its index
    (here / ".gitattributes").write_text(
        "a.c filter=evil diff=evil\nb.c filter=long\nc.c filter=included\nd.c filter=tree\n"
    )
    git("config", "extensions.worktreeConfig", "true")
    included = tmp_path / "included"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch '{ran}/hook-{hook}'\n")
        (hooks / hook).chmod(0o755)
    git("config", "-f", str(included), "filter.included.clean", evil("included"))
    for key, value in {
        "diff.external": evil("external"),
        "diff.evil.command": evil("command"),
        "diff.evil.textconv": evil("textconv"),
        "filter.evil.clean": evil("clean"),
        "filter.evil.smudge": evil("smudge"),
        "filter.evil.required": "true",
        "filter.long.process": evil("process"),
        "include.path": str(included),
        "core.pager": evil("pager"),
        "core.hooksPath": str(hooks),
        "diff.submodule": "diff",
        "diff.ignoreSubmodules": "none",
    }.items():
        git("config", key, value)
    git("config", "--worktree", "filter.tree.clean", evil("tree"))
    git("config", "filter.inner.clean", evil("inner"), cwd=inner)
    git("config", "core.fsmonitor", evil("fsmonitor"))
    for name in "abcd":
        (here / f"{name}.c").write_text("1\ntwo\n")
    (here / "inner" / "x.c").write_text("2\n")
    for file in ran.iterdir():
        file.unlink()  # what the preparations ran
    changed = since("HEAD")

    assert [] == list(ran.iterdir())
    assert {"a.c", "b.c", "c.c", "d.c"} <= set(changed)

    # The trap works: git on its own runs what it is told to.
    for command in (("diff", "HEAD"), ("add", "--renormalize", ".")):
        subprocess.run(("git", *command), cwd=here, capture_output=True, check=False)
    assert {
        *("command", "clean", "process", "included", "tree", "inner", "fsmonitor"),
        "hook-post-index-change",
    } <= {file.name for file in ran.iterdir()}


def test_a_clone_that_lacks_a_file_fetches_nothing(
    git: Git, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(git, {"a.c": "1\n"})
    git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{here}", str(clone))
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    script.chmod(0o755)
    git("config", "remote.origin.uploadpack", str(script), cwd=clone)
    (clone / "a.c").write_text("2\n")
    monkeypatch.chdir(clone)
    with pytest.raises(UsageError):
        since("HEAD")

    assert not (tmp_path / "ran").exists()


def test_a_filter_whose_name_cannot_be_passed_on_is_refused(git: Git, here: Path) -> None:
    committed(git, {"a.c": "1\n"})
    with (here / ".git" / "config").open("a") as config:
        config.write('[filter "a=b"]\n\tclean = touch marker\n')
    with pytest.raises(UsageError, match=r"'filter\.a=b', a name that cannot be judged"):
        since("HEAD")


TEXT = b"one\r\ntwo three\nfour\rfive\nsix"


@pytest.mark.parametrize(
    ("word", "changed", "kept"),
    [
        (b"one", Lines(0, 1), True),
        (b"one", Lines(1, 2), False),
        (b"two", Lines(1, 2), True),
        (b"four", Lines(2, 3), True),
        (b"five", Lines(2, 3), True),
        (b"six", Lines(3, 4), True),
        (b"six", Lines(2, 3), False),
        (b"three\nfour", Lines(2, 2), True),
        (b"three", Lines(2, 2), False),
        (b"four", Lines(2, 2), False),
        (b"two three\n", Lines(2, 3), False),
        (b"", Lines(0, 1), True),
        (b"", Lines(1, 2), False),
        (b"six", *WHOLE, True),
    ],
)
def test_a_place_counts_if_one_of_its_lines_changed(
    word: bytes, changed: Lines, kept: bool
) -> None:
    finding = _finding(word)
    answer = Answer("a.c", "a.c", TEXT, Report((finding,)))

    assert ((finding,) if kept else ()) == changes.narrowed(answer, (changed,)).report.findings


def test_a_place_on_the_way_of_a_finding_counts() -> None:
    finding = _finding(b"six", related=(Related(_span(b"one"), "it is made here"),))
    answer = Answer("a.c", "a.c", TEXT, Report((finding,)))

    assert (finding,) == changes.narrowed(answer, (Lines(0, 1),)).report.findings
    assert () == changes.narrowed(answer, (Lines(1, 2),)).report.findings


def test_what_is_suppressed_or_not_analysed_counts_by_its_place() -> None:
    whole, here, there = (Unanalysed("a", span) for span in (None, _span(b"one"), _span(b"six")))
    silenced = tuple(Suppression(_finding(word), "") for word in (b"one", b"six"))
    report = Report((), (), (whole, here, there), ("lost.h",), suppressed=2, suppressions=silenced)
    narrowed = changes.narrowed(Answer("a.c", "a.c", TEXT, report), (Lines(0, 1),)).report

    assert (whole, here) == narrowed.unanalysed
    assert (1, silenced[:1]) == (narrowed.suppressed, narrowed.suppressions)
    assert ("lost.h",) == narrowed.missing_headers


def _span(word: bytes) -> Span:
    start = TEXT.index(word)
    return Span(start, start + len(word))


def _finding(word: bytes, **more: Any) -> Finding:
    return Finding("word-bad", "bad", _span(word), Severity.WARNING, **more)
