"""How many breaks of right code each rule finds: `python tests/bench/mutations.py [RULE…]`.

Right code is what the pages show as right, and, where the corpus has been fetched, files of it that
use TLS. `mutation.py` says how it is broken. Exit status 1 if fewer than 9 in 10 breaks are found,
or of one rule fewer than 7 in 10. What is missed is printed, as a difference.
"""

from __future__ import annotations

import difflib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "corpus")]

from mutation import Break, breaks, is_found, is_settled  # noqa: E402
from pages import analyst, blocks, rulebook  # noqa: E402
from tlsight.analysis import Analyst  # noqa: E402

OVERALL, EACH = 0.9, 0.7
"""The least share of breaks that are found, of all rules and of one."""
FEW = 4
"""Breaks of one rule that say nothing of its share."""
PACKAGES = ("libcoap3", "mosquitto", "nginx", "stunnel4", "tinc", "qt6-base")
FILES = 3
"""Of each package."""
MOST = 40
"""Breaks of one file."""


@dataclass
class Tally:
    """What was broken and what of it was found, by rule."""

    broken: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[Break, bytes]] = field(default_factory=list)

    def count(self, item: Break, data: bytes, found: bool) -> None:
        """Effect: note one break of a text."""
        self.broken[item.rule] += 1
        self.found[item.rule] += found
        if not found:
            self.missed.append((item, data))

    def table(self) -> str:
        """A line for each rule, and one for all."""
        lines = [
            f"{rule:36}{self.found[rule]:4} of {self.broken[rule]:4}"
            for rule in sorted(self.broken)
        ]
        total = f"{'all rules':36}{self.found.total():4} of {self.broken.total():4}"
        return "\n".join([*lines, total]) + "\n"

    def lacking(self) -> list[str]:
        """The rules of which too little is found."""
        few = [
            rule
            for rule, number in self.broken.items()
            if number >= FEW and self.found[rule] < EACH * number
        ]
        enough = self.found.total() >= OVERALL * self.broken.total()
        return sorted(few) + ([] if enough else ["all rules"])

    def differences(self) -> Iterator[str]:
        """What was missed, and how it was broken."""
        for item, data in self.missed:
            old, new = (text.decode(errors="replace").splitlines() for text in (data, item.data))
            lines = [*difflib.unified_diff(old, new, lineterm="", n=1)][2:]
            yield "\n".join([f"--- {item.rule}: {item.how}", *lines]) + "\n"


def of_pages(rules: Iterable[str] = ()) -> Tally:
    """Breaks of the *good* and *fixed* blocks, each by what its own rule says of it."""
    tally = Tally()
    wanted = set(rules) or set(rulebook().properties)
    for block in blocks("good", "fixed"):
        if block.rule in wanted and not block.only:
            found = _broken(analyst(), block.path, block.data, block.example.language)
            for item, is_seen in found:
                if item.rule == block.rule:
                    tally.count(item, block.data, is_seen)
    return tally


def of_corpus() -> Tally:
    """Breaks of files of the corpus in which the evidence says most."""
    from sources import analyst as over
    from sources import tls_files

    tally = Tally()
    for package in PACKAGES:
        with over(package) as one:
            for item in tls_files(package)[:FILES]:
                language = "c" if item.path.suffix == ".c" else "cpp"
                for broken, is_seen in _broken(one, item.path, item.data, language, MOST):
                    tally.count(broken, item.data, is_seen)
    return tally


def _broken(
    one: Analyst, path: Path, data: bytes, language: str, most: int | None = None
) -> Iterator[tuple[Break, bool]]:
    before = one.final(path, data, True)
    found = breaks(rulebook(), before, data, language)
    for item in found if most is None else found[:: max(1, len(found) // most)]:
        if is_found(item, before, one.first(path, item.data)):
            yield item, True
            continue
        after = one.final(path, item.data, True)
        found_then = is_found(item, before, after)
        if found_then or not is_settled(item, after):
            yield item, found_then
    one.close(path)


def main() -> int:
    """Effect: print the tables and what was missed."""
    tallies = {"the pages": of_pages(sys.argv[1:])}
    if not sys.argv[1:]:
        tallies["the corpus"] = of_corpus()
    lacking = []
    for title, tally in tallies.items():
        sys.stdout.write(f"{title}\n{tally.table()}\n{''.join(tally.differences())}\n")
        lacking += [f"{title}: {name}" for name in tally.lacking()]
    sys.stdout.write("".join(f"too few: {name}\n" for name in lacking))
    return int(bool(lacking))


if __name__ == "__main__":
    sys.exit(main())
