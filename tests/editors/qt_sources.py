"""Qt's OpenSSL backend as Debian has it: a copy that a test may edit, and its compile database."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "corpus"))

from fetch import corpus, database, source_folder

PACKAGE = "qt6-base"
BACKEND = Path("src/plugins/tls/openssl")
LATER = "later.json"
"""The database under a name that nothing finds, until a build is said to have written it."""


def backend(folder: Path) -> Path:
    """Effect: copies the backend to a folder, without headers of anything else."""
    source = source_folder(corpus(), PACKAGE)
    build = database(corpus(), PACKAGE)
    assert source and build.exists(), "the corpus is missing: run tests/corpus/fetch.py as root"
    own = source / BACKEND
    shutil.copytree(own, folder)
    entries = [entry for entry in json.loads(build.read_bytes()) if own in _parents(entry["file"])]
    text = json.dumps(entries, indent=1).replace(str(own), str(folder))
    (folder / LATER).write_text(text, encoding="utf-8")
    return folder


def _parents(file: str) -> tuple[Path, ...]:
    return tuple(Path(file).parents)
