"""Starts the tlsight that the extension brings, whatever else an interpreter has installed.

Run with `-I`, so that neither the environment nor the folder that is open adds modules. What fits
every Python lies in `libs/all`, what was compiled for one version in `libs/cp3XX`.
"""

import os
import sys
from pathlib import Path

LIBS = Path(__file__).resolve().parent / "libs"


def main():
    """Effect: runs tlsight's command line; `--probe` only says whether that would work."""
    major, minor = sys.version_info[:2]
    own = LIBS / f"cp{major}{minor}"
    if not own.is_dir():
        minors = sorted(int(folder.name[3:]) for folder in LIBS.glob("cp3*"))
        versions = ", ".join(f"3.{number}" for number in minors)
        return f"this is Python {major}.{minor}, and the extension brings tlsight for {versions}"
    folders = [str(LIBS / "all"), str(own)]
    sys.path[:0] = folders
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)  # for the analysis process
    if sys.argv[1:] == ["--probe"]:
        import psutil  # noqa: F401
        import tree_sitter  # noqa: F401

        import tlsight

        print(f"tlsight {tlsight.__version__}")  # noqa: T201
        return 0
    from tlsight.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
