"""
A simulated channel: a small HTTP server that Apprise's ``json://`` posts to. It records messages, and can be told to
fail, to be slow, or to accept and drop.

In tests it runs in a thread (`SimulatedChannel`); beside the product as ``python -m tests.fakes.channel --port PORT``.

* ``POST /NAME``: a message for the inbox NAME, as Apprise sends it.
* ``GET /control/messages``: what arrived. ``GET /control/health``. ``POST /control/reset``: forget it.
* ``POST /control/behaviour`` with ``{"inbox": NAME, "how": ..., "seconds": ...}``, where ``how`` is ok, fail, slow or
  drop.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BEHAVIOURS = ("ok", "fail", "slow", "drop")


@dataclass(frozen=True)
class Received:
    """A message as it arrived. ``dropped``: the sender was told yes, and nobody will ever read it."""

    inbox: str
    title: str
    body: str
    dropped: bool = False


class SimulatedChannel:
    """The server. Use as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._messages: list[Received] = []
        self._calls: dict[str, int] = defaultdict(int)
        self._how: dict[str, tuple[str, float]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="channel", daemon=True)

    def __enter__(self) -> SimulatedChannel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, inbox: str) -> str:
        """The Apprise URL of an inbox."""
        return f"json://127.0.0.1:{self.port}/{inbox}?cto=5&rto=30"

    def behave(self, inbox: str, how: str, seconds: float = 0.0) -> None:
        """Say how an inbox answers from now on; ``slow`` answers after ``seconds``, or when the server ends."""
        if how not in BEHAVIOURS:
            raise ValueError(f"a channel is one of {', '.join(BEHAVIOURS)}")
        with self._lock:
            self._how[inbox] = (how, seconds)

    def messages(self, inbox: str | None = None) -> list[Received]:
        """What arrived and was not dropped, in order."""
        with self._lock:
            return [one for one in self._messages if not one.dropped and inbox in (None, one.inbox)]

    def calls(self, inbox: str) -> int:
        """How often an inbox was called, whatever it answered."""
        with self._lock:
            return self._calls[inbox]

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._messages.clear()
            self._calls.clear()
            self._how.clear()

    def take(self, inbox: str, content: dict[str, Any]) -> int:
        """Handle one message; gives back the HTTP status."""
        with self._lock:
            self._calls[inbox] += 1
            how, seconds = self._how.get(inbox, ("ok", 0.0))
        if how == "slow":
            self._released.wait(seconds)
        if how == "fail":
            return 500
        one = Received(inbox, str(content.get("title", "")), str(content.get("message", "")), how == "drop")
        with self._lock:
            self._messages.append(one)
        return 200

    def report(self) -> dict[str, Any]:
        """Everything, for the control API."""
        with self._lock:
            return {"messages": [asdict(one) for one in self._messages], "calls": dict(self._calls)}


def _handler(channel: SimulatedChannel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/control/messages":
                self._answer(200, channel.report())
            else:
                self._answer(200 if self.path == "/control/health" else 404, {})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length) or b"{}")
            name = self.path.split("?")[0].strip("/")
            if name == "control/behaviour":
                channel.behave(content["inbox"], content["how"], float(content.get("seconds", 0)))
                self._answer(200, {})
            elif name == "control/reset":
                channel.reset()
                self._answer(200, {})
            else:
                self._answer(channel.take(name, content), {})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the tests read `messages`."""

    return Handler


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.channel", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    with SimulatedChannel(parser.parse_args().port) as channel:
        print(f"channel http://127.0.0.1:{channel.port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
