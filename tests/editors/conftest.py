"""What the tests of all editors share."""

from __future__ import annotations

from pathlib import Path

import pytest

from kept import of_this_run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all processes of this run of the tests."""
    folder = of_this_run(tmp_path_factory, "editors")
    folder.mkdir(exist_ok=True)
    return folder
