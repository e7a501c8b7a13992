"""Stands between a client and its server, and notes what they say to each other.

`python wire.py LOG COMMAND…` runs the command; each message is a line of the log,
`{"from": "client" or "server", "message": …}`. Nothing is changed on the way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import BinaryIO, TextIO

_noting = threading.Lock()


def main() -> int:
    """Effect: runs the server until it ends; its exit status."""
    log, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout
    with open(log, "a", encoding="utf-8") as notes:  # noqa: PTH123
        listening = threading.Thread(
            target=_pass, args=("client", sys.stdin.buffer, server.stdin, notes), daemon=True
        )
        listening.start()
        _pass("server", server.stdout, sys.stdout.buffer, notes)
        return server.wait()


def _pass(sender: str, source: BinaryIO, target: BinaryIO, notes: TextIO) -> None:
    """Effect: passes messages on until there are no more."""
    while header := source.readline():
        head, length = header, 0
        while header.strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            header = source.readline()
            head += header
        body = source.read(length)
        with _noting:
            notes.write(json.dumps({"from": sender, "message": json.loads(body)}) + "\n")
            notes.flush()
        try:
            target.write(head + body)
            target.flush()
        except BrokenPipeError:
            return
    target.close()


if __name__ == "__main__":
    sys.exit(main())
