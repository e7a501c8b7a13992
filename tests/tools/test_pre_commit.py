"""Real commits in a clone whose hooks are those of this project, as the README has them set up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from kept import locked, of_this_run, run
from tlsight.cli.files import SUFFIXES

ROOT = Path(__file__).parents[2]
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "server", "rules")

CLEAN = """\
#include <openssl/evp.h>

int start(EVP_MD_CTX *context)
{
    return EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
}
"""
WEAK = CLEAN.replace("EVP_sha256", "EVP_md5")
UNREAD = CLEAN.replace("return", "EACH(item) OF (list) DO if (}{ return")

pytestmark = pytest.mark.tools


class Project(NamedTuple):
    """A repository that has this project's hooks, at one commit."""

    folder: Path
    revision: str


class Clone(NamedTuple):
    """A clone of a user's repository in which hooks are installed."""

    folder: Path
    environment: Mapping[str, str]

    def commit(self, **files: str) -> tuple[bool, str]:
        """Effect: writes and commits files; whether that went well, and what was said."""
        for name, text in files.items():
            (self.folder / f"{name}.c").write_text(text)
        run(self.folder, self.environment, "git", "add", "-A")
        done = subprocess.run(
            ("git", "commit", "-m", "more"),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Somebody who has no settings, and a folder for what pre-commit keeps."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
    }
    return {
        **inherited,
        **who,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PRE_COMMIT_HOME": str(of_this_run(tmp_path_factory, "pre-commit")),
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]) -> Project:
    """What this project ships, as a repository of its own.

    It is one for all processes, so that pre-commit installs it once.
    """
    shared = of_this_run(tmp_path_factory, "project")
    folder = shared / "tlsight"
    with locked(shared):
        if not folder.exists():
            ship(folder)
            repository(folder, environment)
    return Project(folder, head(folder, environment))


def ship(folder: Path) -> None:
    """Effect: copies what this project ships."""
    folder.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, ignore=left_out)
        else:
            shutil.copy(ROOT / name, folder / name)


def cloned(tmp_path: Path, environment: Mapping[str, str], project: Project, hook: str) -> Clone:
    """Effect: a user's repository with a hook and an old finding; clones it, installs the hook."""
    (settings,) = re.findall(
        r"```yaml\n(repos:\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    settings = settings.replace("TLSIGHT", str(project.folder))
    settings = settings.replace("REVISION", project.revision)
    settings = re.sub(r"- id: .*", f"- id: {hook}", settings)
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / ".pre-commit-config.yaml").write_text(settings)
    (origin / "old.c").write_text(f"/* a line */\n{WEAK}")
    repository(origin, environment)
    folder = tmp_path / "clone"
    run(tmp_path, environment, "git", "clone", "-q", str(origin), str(folder))
    run(folder, environment, sys.executable, "-m", "pre_commit", "install")
    return Clone(folder, environment)


def repository(folder: Path, environment: Mapping[str, str]) -> None:
    """Effect: makes a repository with one commit out of a folder."""
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        run(folder, environment, "git", *command)


def head(folder: Path, environment: Mapping[str, str]) -> str:
    """The name of the last commit."""
    return run(folder, environment, "git", "rev-parse", "HEAD").strip()


def test_a_weak_hash_is_not_committed_until_it_is_mended(
    tmp_path: Path, environment: Mapping[str, str], project: Project
) -> None:
    clone = cloned(tmp_path, environment, project, "tlsight")
    rejected, said = clone.commit(new=WEAK)

    assert not rejected
    assert "[weak-hash]" in said and "new.c:5:" in said
    assert "old.c" not in said  # it is not in the commit

    accepted, said = clone.commit(new=CLEAN)

    assert accepted, said
    assert re.search(r"tlsight\.+Passed", said)


def test_what_cannot_be_analysed_is_committed(
    tmp_path: Path, environment: Mapping[str, str], project: Project
) -> None:
    clone = cloned(tmp_path, environment, project, "tlsight")
    accepted, said = clone.commit(new=UNREAD)
    checked = (sys.executable, "-m", "tlsight.cli", "check", "new.c")
    done = subprocess.run(checked, cwd=clone.folder, capture_output=True, check=False)

    assert accepted, said
    assert 3 == done.returncode


def test_an_old_finding_is_not_told_until_its_line_changes(
    tmp_path: Path, environment: Mapping[str, str], project: Project
) -> None:
    clone = cloned(tmp_path, environment, project, "tlsight-changed")
    accepted, said = clone.commit(old=f"/* another line */\n{WEAK}")

    assert accepted, said
    assert re.search(r"tlsight \(changed lines\)\.+Passed", said)

    twice = WEAK.replace("start", "again").partition("\n")[2]
    accepted, said = clone.commit(old=f"/* another line */\n{WEAK}{twice}")

    assert not accepted
    assert ["old.c:11:"] == re.findall(r"^old\.c:\d+:", said, re.MULTILINE)
    assert "[weak-hash]" in said


def test_headers_are_given_to_the_hooks() -> None:
    """Those that pre-commit does not know are not, whatever the hooks say."""
    from identify.identify import tags_from_filename  # pre-commit brings it

    given = {suffix for suffix in SUFFIXES if {"c", "c++"} & tags_from_filename(f"a{suffix}")}

    assert {".cp", ".h++", ".hp", ".tcc", ".txx"} == SUFFIXES - given
