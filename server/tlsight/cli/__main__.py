"""Runs the command line where no script is installed."""

from __future__ import annotations

import sys

from tlsight.cli.main import main

sys.exit(main())
