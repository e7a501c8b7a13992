"""What a full analysis of each TLS file of the corpus costs, beside its parse.

Run it after `tests/corpus/fetch.py`: `python tests/bench/whole.py [PACKAGE …]`.
Exit status 1 if the analysis of a file takes longer than its parse.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "corpus")]

from sources import NAMES, analyst, tls_files  # noqa: E402

from bench.large import timed_parts  # noqa: E402
from tlsight.worker.garbage import rarely_collected  # noqa: E402

SHOWN = 20
"""Files of the table: those with the worst ratio."""
RUNS = 3
"""Readings of each file, from nothing; the fastest counts, for machines are noisy."""
SHORT = 0.05
"""Seconds of a parse below which a ratio says nothing."""


class Row(NamedTuple):
    """One file: seconds of clang and the grammar, and of everything after them."""

    name: str
    parse: float
    analysis: float

    @property
    def ratio(self) -> float:
        """How much the analysis takes for each second of the parse."""
        return self.analysis / max(self.parse, SHORT)


def main() -> int:
    """Effect: print the table."""
    times = timed_parts()
    rarely_collected()
    rows = []
    for package in sys.argv[1:] or NAMES:
        with analyst(package) as one:
            for item in tls_files(package):
                runs = []
                for _ in range(RUNS):
                    times.clear()
                    one.final(item.path, item.data)
                    one.close(item.path)
                    runs.append(dict(times))
                parse, analysis = (
                    min(sum(run[part] for part in parts) for run in runs)
                    for parts in (("clang", "trees"), ("lowering", "engines"))
                )
                rows.append(Row(f"{package} {item.name}", parse, analysis))
    rows.sort(key=lambda row: -row.ratio)
    for row in rows[:SHOWN]:
        sys.stdout.write(
            f"{row.ratio:5.2f}  parse {row.parse:5.2f} s,"
            f" analysis {row.analysis:5.2f} s  {row.name}\n"
        )
    total = sum(row.analysis for row in rows) / sum(row.parse for row in rows)
    slow = [row for row in rows if row.ratio > 1]
    sys.stdout.write(
        f"{total:5.2f}  all {len(rows)} files; {len(slow)} take longer than their parse\n"
    )
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
