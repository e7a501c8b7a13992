"""The README's files for CI, and the hooks, as the services that read them want them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from kept import run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.tools


def block(number: int) -> str:
    """One of the README's files."""
    found: list[str] = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return found[number]


def test_pre_commit_takes_the_hooks_and_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(block(0).replace("REVISION", "v1.0.0"))
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    command = (sys.executable, "-m", "pre_commit")
    hooks = str(ROOT / ".pre-commit-hooks.yaml")

    assert "" == run(tmp_path, environment, *command, "validate-config", str(settings))
    assert "" == run(tmp_path, environment, *command, "validate-manifest", hooks)


@pytest.mark.parametrize(
    ("number", "schema", "word"),
    [(1, "vendor.github-workflows", "runs-on"), (2, "vendor.gitlab-ci", "script")],
    ids=["GitHub", "GitLab"],
)
def test_a_service_takes_its_file(tmp_path: Path, number: int, schema: str, word: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(block(number))
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file))

    run(tmp_path, os.environ, *command)

    file.write_text(block(number).replace(f"{word}:", "nonsense:"))
    with pytest.raises(AssertionError, match="Schema validation errors"):
        run(tmp_path, os.environ, *command)
