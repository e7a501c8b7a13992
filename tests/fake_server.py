"""The language server over the toy analysis of `fake_worker`; the first argument is its cache."""

from __future__ import annotations

import sys
from pathlib import Path

from fake_worker import COMMAND
from tlsight.lsp import serve

if __name__ == "__main__":
    sys.exit(serve(cache=Path(sys.argv[1]), command=COMMAND))
