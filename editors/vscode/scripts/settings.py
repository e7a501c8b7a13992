"""Writes the settings of `package.json` from the server's own options, and its version.

`tests/test_vscode.py` compares the two; run this after an option has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import tlsight
from tlsight.config import Config
from tlsight.finding import Severity

MANIFEST = Path(__file__).resolve().parents[1] / "package.json"
TITLE = "Analysis"


def generated(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as it should be; what is not generated stays as it is."""
    contributes = manifest["contributes"]
    by_hand = [item for item in contributes["configuration"] if item["title"] != TITLE]
    analysis = {
        "title": TITLE,
        "order": 1,
        "properties": {f"tlsight.{_name(item)}": _setting(item) for item in fields(Config)},
    }
    return {
        **manifest,
        "version": tlsight.__version__,
        "contributes": {**contributes, "configuration": [analysis, *by_hand]},
    }


def written(manifest: Mapping[str, Any]) -> str:
    """The text of a manifest, as npm writes it."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def _name(item: Field[Any]) -> str:
    return item.name.replace("_", "-")


def _setting(item: Field[Any]) -> dict[str, Any]:
    help_text = item.metadata["help"]
    default = item.default if item.default is not MISSING else {}
    setting: dict[str, Any] = {"scope": "window", "description": help_text}
    if choices := item.metadata.get("choices"):
        setting |= {"type": "string", "enum": list(choices)}
    elif isinstance(default, tuple):
        setting |= {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    elif isinstance(default, dict):
        levels = {"type": "string", "enum": [level.value for level in Severity]}
        setting |= {"type": "object", "additionalProperties": levels}
    else:
        setting |= {"type": "string"}
    return setting | {"default": list(default) if isinstance(default, tuple) else default}


if __name__ == "__main__":
    MANIFEST.write_text(written(generated(json.loads(MANIFEST.read_text()))))
