"""What the VS Code extension says of itself, compared with what the server can do."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import tlsight
from tlsight.config import OPTIONS, Config, configured

ROOT = Path(__file__).parent.parent
EXTENSION = ROOT / "editors" / "vscode"
SETTINGS = runpy.run_path(str(EXTENSION / "scripts" / "settings.py"))


@pytest.fixture
def manifest() -> Any:
    return json.loads((EXTENSION / "package.json").read_text())


def properties(manifest: Any) -> dict[str, Any]:
    sections = manifest["contributes"]["configuration"]
    return {key: value for item in sections for key, value in item["properties"].items()}


def test_the_settings_are_those_of_the_server(manifest: Any) -> None:
    """Invariant 7; `python editors/vscode/scripts/settings.py` makes it so."""
    expected = SETTINGS["written"](SETTINGS["generated"](manifest))

    assert expected == (EXTENSION / "package.json").read_text()
    assert tlsight.__version__ == manifest["version"]


def test_every_option_is_a_setting_with_its_help_and_a_default_that_the_server_takes(
    manifest: Any,
) -> None:
    """What the settings editor shows, the server understands, and it changes nothing."""
    settings = properties(manifest)
    values = {name: settings[f"tlsight.{name}"]["default"] for name in OPTIONS}

    assert dict(OPTIONS) == {name: settings[f"tlsight.{name}"]["description"] for name in OPTIONS}
    assert (Config(), ()) == configured(Config(), values, "the manifest")


def test_every_setting_and_command_in_the_code_is_declared(manifest: Any) -> None:
    """A command that is not declared cannot be found, one that is not there does nothing."""
    code = "\n".join(file.read_text() for file in sorted((EXTENSION / "src").glob("*.ts")))
    declared = {item["command"] for item in manifest["contributes"]["commands"]}

    assert declared == set(re.findall(r'command\("(tlsight\.\w+)", \(', code))
    assert declared | properties(manifest).keys() >= set(
        re.findall(r"\b(?:command:|setting )(tlsight\.\w+)", code)
    )


def test_the_status_is_documented_as_it_is_sent() -> None:
    """What clients are told of in `editors/README.md` is what the extension reads."""
    page = (ROOT / "editors" / "README.md").read_text()
    protocol = (EXTENSION / "src" / "protocol.ts").read_text()
    (standing,) = re.findall(r"interface Standing \{(.*?)\n\}", protocol, re.DOTALL)
    names = re.findall(r"readonly (\w+):", standing)

    assert len(names) == 8
    assert [] == [name for name in names if f"`{name}`" not in page]


def test_pictures_and_pages_of_the_walkthrough_are_there(manifest: Any) -> None:
    """A step without its picture is an empty half of a screen."""
    (walkthrough,) = manifest["contributes"]["walkthroughs"]
    wanted = [path for step in walkthrough["steps"] for path in step["media"].values()]
    wanted = [path for path in wanted if re.fullmatch(r"[\w/.]+", path)]
    wanted += re.findall(r"\]\((images/[^)]+)\)", (EXTENSION / "README.md").read_text())

    assert wanted
    assert [] == [path for path in wanted if not (EXTENSION / path).is_file()]
