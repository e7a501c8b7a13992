"""One editor: on standard input and output, or the first that connects to a socket."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async, run_websocket
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

if TYPE_CHECKING:
    from tlsight.lsp.server import Server


async def stdio(server: Server) -> None:
    """Effect: serves standard input and output until the input ends.

    The thread that reads is ours alone, so that nothing else can hold it up.
    """
    server.protocol.set_writer(StdoutWriter(sys.stdout.buffer))
    await run_async(
        stop_event=threading.Event(),
        reader=StdinAsyncReader(sys.stdin.buffer, ThreadPoolExecutor(1)),
        protocol=server.protocol,
        error_handler=server.report_server_error,
    )


async def tcp(server: Server, host: str, port: int) -> None:
    """Effect: serves the first connection to a port until it ends."""
    done, serve_once = _once(server)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def talk(**kwargs: Any) -> None:
            server.protocol.set_writer(writer)
            await run_async(reader=reader, **kwargs)

        if not await serve_once(talk):
            writer.close()

    async with await asyncio.start_server(connected, host, port) as listener:
        _say("", listener.sockets)
        await done.wait()


async def websocket(server: Server, host: str, port: int) -> None:
    """Effect: the same for a websocket."""
    done, serve_once = _once(server)

    async def connected(connection: ServerConnection) -> None:
        async def talk(**kwargs: Any) -> None:
            await run_websocket(websocket=connection, **kwargs)

        await serve_once(talk)

    async with serve_websocket(connected, host, port, max_size=None) as listener:
        _say("ws://", listener.sockets)
        await done.wait()


def _once(
    server: Server,
) -> tuple[asyncio.Event, Callable[[Callable[..., Awaitable[None]]], Awaitable[bool]]]:
    done, taken = asyncio.Event(), asyncio.Lock()

    async def serve_once(talk: Callable[..., Awaitable[None]]) -> bool:
        if taken.locked():
            return False
        await taken.acquire()
        try:
            await talk(
                stop_event=threading.Event(),
                protocol=server.protocol,
                error_handler=server.report_server_error,
            )
        finally:
            done.set()
        return True

    return done, serve_once


def _say(scheme: str, sockets: Any) -> None:
    """Effect: tells where to connect, also if the port was left to the system."""
    for item in sockets:
        host, port = item.getsockname()[:2]
        print(f"tlsight: listening on {scheme}{host}:{port}", file=sys.stderr, flush=True)  # noqa: T201
