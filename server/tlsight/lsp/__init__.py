"""The language server. The only part of tlsight that knows pygls and lsprotocol."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from tlsight.worker.client import COMMAND


def serve(
    tcp: tuple[str, int] | None = None,
    ws: tuple[str, int] | None = None,
    cache: Path | None = None,
    command: Sequence[str] = COMMAND,
) -> int:
    """Effect: serves one editor on standard input and output, or on a host and port, until it ends.

    `command` starts a worker. The exit status is returned, unless `exit` ends the process first.
    """
    from tlsight.lsp.server import Server

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its errors hold what the client sent
    server = Server(cache or Path(platformdirs.user_cache_dir("tlsight", False)), command)
    try:
        if tcp:
            server.start_tcp(*tcp)
        elif ws:
            server.start_ws(*ws)
        else:
            server.start_io()
    except OSError as error:
        host, port = tcp or ws or ("standard input", 0)
        print(f"tlsight: cannot serve on {host}:{port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        pass
    finally:
        sys.stderr.flush()
    server.leave(1)
    return 1
