"""A real Neovim, headless, with the configuration that is shipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "editors" / "nvim"

DEFECT = """\
#include <QCryptographicHash>

QByteArray fingerprint(const QByteArray &data)
{
    /* \U0001f512\f */ return QCryptographicHash::hash(data, QCryptographicHash::Sha1);
}
"""


def neovim() -> str:
    """Neovim from the path, or from beside the interpreter."""
    beside = Path(sys.executable).with_name("nvim")
    return shutil.which("nvim") or str(beside)


@pytest.mark.editor
def test_a_lone_file_is_mended_in_neovim(tmp_path: Path) -> None:
    """Open the file, see the diagnostic, apply the quick fix, see it go."""
    command = tmp_path / "bin" / "tlsight"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tlsight.cli "$@"\n')
    command.chmod(0o755)
    file = tmp_path / "lone" / "main.cpp"
    file.parent.mkdir()
    file.write_text(DEFECT)

    done = subprocess.run(
        [
            *(neovim(), "--headless", "-u", "NONE", "-i", "NONE", "-n"),
            *("-l", str(HERE / "check.lua")),
            *(str(PLUGIN), str(file), "weak-hash", "Sha256"),
        ],
        env={
            **os.environ,
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert DEFECT.replace("Sha1", "Sha256") == file.read_text()
