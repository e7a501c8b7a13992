"""A language client of a few lines over stdio, the same for every server that is measured."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import psutil

PATIENCE = 120.0


class Received(NamedTuple):
    """A message of the server's and when it came."""

    at: float
    message: dict[str, Any]


class Client:
    """Speaks to one server process. Times are those of `time.perf_counter`."""

    def __init__(self, command: Sequence[str], folder: Path, log: Path) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._inbox: queue.Queue[Received] = queue.Queue()
        self._number = 0
        self._kept: list[Received] = []
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def request(self, method: str, params: object) -> int:
        """Effect: send a request; its number."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        return self._number

    def notify(self, method: str, params: object) -> float:
        """Effect: send a notification; when."""
        at = time.perf_counter()
        self._send({"method": method, "params": params})
        return at

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> Received:
        """Effect: the first message that is wanted, those that came before included."""
        for index, received in enumerate(self._kept):
            if wanted(received.message):
                return self._kept.pop(index)
        end = time.perf_counter() + PATIENCE
        while True:
            received = self._inbox.get(timeout=max(0.0, end - time.perf_counter()))
            if wanted(received.message):
                return received
            self._answer(received.message)
            self._kept.append(received)

    def answer_to(self, number: int) -> Received:
        """Effect: the response to a request."""
        return self.wait(lambda message: _is_answer(message, number))

    def has_answered(self, number: int) -> bool:
        """Whether the response to a request has come, and was not taken yet."""
        while not self._inbox.empty():
            self._kept.append(self._inbox.get_nowait())
            self._answer(self._kept[-1].message)
        return any(_is_answer(received.message, number) for received in self._kept)

    def memory(self) -> int:
        """The resident memory of the server and all that it started, in bytes."""
        root = psutil.Process(self._process.pid)
        return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))

    def forget(self) -> None:
        """Effect: drop every message that came so far."""
        self._kept.clear()
        while not self._inbox.empty():
            self._answer(self._inbox.get_nowait().message)

    def close(self) -> None:
        """Effect: shut the server down in the manner of the protocol, and wait for its end."""
        self.answer_to(self.request("shutdown", None))
        self.notify("exit", None)
        self._process.wait(timeout=PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                pipe.close()

    def _answer(self, message: dict[str, Any]) -> None:
        """Effect: say nothing of importance to whatever the server asks."""
        if "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})

    def _send(self, content: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **content}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _listen(self, pipe: BinaryIO) -> None:
        while header := pipe.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = pipe.readline()
            body = pipe.read(length)
            self._inbox.put(Received(time.perf_counter(), json.loads(body)))


def _is_answer(message: dict[str, Any], number: int) -> bool:
    return message.get("id") == number and "method" not in message
