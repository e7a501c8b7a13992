"""The language server. The only part of tlsight that knows pygls and lsprotocol."""

from __future__ import annotations

import asyncio
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

    `command` starts a worker. Only a port that cannot be had makes this return, with a status.
    """
    from tlsight.lsp import listen
    from tlsight.lsp.server import Server

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its errors hold what the client sent
    server = Server(cache or Path(platformdirs.user_cache_dir("tlsight", False)), command)
    try:
        if tcp:
            asyncio.run(listen.tcp(server, *tcp))
        elif ws:
            asyncio.run(listen.websocket(server, *ws))
        else:
            server.start_io()
    except OSError as error:
        host, port = tcp or ws or ("standard input and output", "")
        message = f"tlsight: cannot serve on {host}:{port}: {error.strerror}"
        print(message, file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return server.leave(130)
    return server.leave(1)
