"""The command line: what was asked in `argv`, and answers on a terminal or in a file.

It analyses in the same worker processes as the server does, and always waits for the final answer.
Nothing below it knows of arguments, colours or exit statuses.
"""

from __future__ import annotations

from tlsight.cli.main import main

__all__ = ["main"]
