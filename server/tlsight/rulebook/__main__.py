"""`python -m tlsight.rulebook [FOLDER]`: what is wrong with the rule pages, for their authors."""

from __future__ import annotations

import sys
from pathlib import Path

from tlsight.rulebook import load


def main(arguments: list[str]) -> int:
    """Effect: print the problems of our pages or of those in a folder; 1 if there is an error."""
    rulebook = load(pages=Path(arguments[0]) if arguments else None)
    for problem in rulebook.problems:
        sys.stdout.write(f"{problem}\n")
    properties, libraries = len(rulebook.properties), len(rulebook.libraries)
    examples = sum(len(found.examples) for found in rulebook.properties.values())
    sys.stdout.write(f"{properties} properties, {libraries} libraries, {examples} examples\n")
    return int(any(not problem.warning for problem in rulebook.problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
