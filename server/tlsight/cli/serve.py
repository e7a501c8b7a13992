"""`tlsight serve`: hands over to the language server."""

from __future__ import annotations

from tlsight.cli.status import UsageError
from tlsight.lsp import serve as serve_editor

_LOCAL = "127.0.0.1"
_HIGHEST_PORT = 65535


def serve(tcp: str | None, ws: str | None) -> int:
    """Effect: serves an editor until it leaves."""
    return serve_editor(tcp=_address(tcp) if tcp else None, ws=_address(ws) if ws else None)


def _address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, or a port of this machine alone; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= _HIGHEST_PORT:
        raise UsageError(f"'{text}' is no address; write PORT, or HOST:PORT")
    return host.strip("[]") or _LOCAL, int(port)
