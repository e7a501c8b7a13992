"""The language server. The only part of tlsight that knows pygls and lsprotocol."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tlsight.worker.client import COMMAND, launch
from tlsight.worker.protocol import cache_folder


def serve(
    tcp: tuple[str, int] | None = None,
    ws: tuple[str, int] | None = None,
    cache: Path | None = None,
    command: Sequence[str] = COMMAND,
) -> int:
    """Effect: serves one editor on standard input and output, or on a host and port, until it ends.

    `command` starts a worker. Only a port that cannot be had makes this return, with a status.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its errors hold what the client sent
    try:
        return asyncio.run(_serve(tcp, ws, cache or cache_folder(), command))
    except OSError as error:
        host, port = tcp or ws or ("standard input and output", "")
        message = f"tlsight: cannot serve on {host}:{port}: {error.strerror}"
        print(message, file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130


async def _serve(
    tcp: tuple[str, int] | None, ws: tuple[str, int] | None, cache: Path, command: Sequence[str]
) -> int:
    """Effect: starts a worker, and gets the protocol ready while that gets ready itself."""
    spare = await launch(command)
    from tlsight.lsp import listen
    from tlsight.lsp.server import Server

    server = Server(cache, command, spare)
    if tcp:
        await listen.tcp(server, *tcp)
    elif ws:
        await listen.websocket(server, *ws)
    else:
        await listen.stdio(server)
    return server.leave(1)
