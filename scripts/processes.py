"""
Start and end the servers that tests need, and remember them in a file.

Rules kept here:

- Only the standard library: this runs before, and outside, the virtual environment.
- A process is known by its pid and the moment it started, so that an old file never makes us end a stranger.
- Ports lie below the range that the kernel hands to outgoing connections. Otherwise a client that tries again and again
  to reach a dead server on this machine may be given the server's own port, and then talks to itself.
- A child that shall end with its parent is told so by the kernel (Linux). The kernel watches the *thread* that started
  the child; hence all children are started by one thread that lives as long as the process.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
PORTS = range(20_000, 32_000)
_SET_PARENT_DEATH_SIGNAL = 1


class ServerFailed(RuntimeError):
    """A server did not start, stop or answer; the message ends with the last lines of its log."""


class Missing(ServerFailed):
    """A program is not installed; the message names the command that installs it."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} is missing; install it with: sh scripts/prerequisites.sh install test")


@dataclass(frozen=True)
class Process:
    """One running or ended program: `born` tells it from a later one that got the same pid."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, _birth(pid))

    @property
    def alive(self) -> bool:
        """True while it runs; a program that has ended but was not collected by its parent counts as ended."""
        return bool(self.born) and _birth(self.pid) == self.born

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has ended. A repeat is safe."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, `seconds` at most; tell whether it has."""
        return until(lambda: not self.alive, seconds)

    def end(self, number: signal.Signals, seconds: float) -> None:
        """Ask it to end, wait `seconds`, then use force. Returns when it has ended; a repeat is safe."""
        self.send(number)
        if not self.wait(seconds):
            self.send(signal.SIGKILL)
            if not self.wait(10):
                raise ServerFailed(f"process {self.pid} does not end")

    def children(self) -> list[Process]:
        """The programs that it started itself and that still run (Linux; elsewhere none are found)."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            fields = _stat(entry)
            if fields and fields[1] == str(self.pid):
                found.append(Process.of(int(entry.parent.name)))
        return found


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    directory: Path,
    user: str | None = None,
    death_signal: signal.Signals | None = None,
) -> Process:
    """
    Start a program in a session of its own, with its output appended to `log`.

    Args:
        user: run as this user; needs root.
        death_signal: sent to the program when this process ends, in whatever way; Linux only.

    Raises:
        FileNotFoundError: there is no such program.
    """
    before_exec = _die_with_parent(death_signal) if death_signal and sys.platform == "linux" else None
    with log.open("ab") as output:

        def begin() -> Process:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                start_new_session=True,
                preexec_fn=before_exec,
                **identity(user),
            )
            process = Process.of(child.pid)
            child.returncode = 0  # or else it warns when forgotten; the state file remembers the process instead
            return process

        return _starter().submit(begin).result()


def identity(user: str | None) -> dict[str, Any]:
    """The arguments of `subprocess` that run a program as `user`, with that user's group and no other."""
    if user is None:
        return {}
    import pwd

    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What the child does between fork and exec; everything it needs is loaded before."""
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def before_exec() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return before_exec


def _birth(pid: int) -> str:
    """When the program with this pid started, as the system writes it; empty when it has ended."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # collects an ended child of ours, so that it does not linger
    if Path("/proc/self/stat").exists():
        fields = _stat(Path(f"/proc/{pid}/stat"))
        return "" if not fields or fields[0] in "ZX" else fields[19]
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, born = answer.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else born.strip()


def _stat(path: Path) -> list[str]:
    """The fields of a `stat` file after the program's name (which may hold spaces): state, parent, and so on."""
    try:
        return path.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def free_ports(count: int) -> list[int]:
    """Different ports on the loopback address that nobody uses now, below the range for outgoing connections."""
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.SystemRandom().sample(PORTS, len(PORTS)):
            listener = held.enter_context(socket.socket())
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)  # held until all are found, so that two calls at once do not get the same
            if len(ports) == count:
                return ports
    raise ServerFailed(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until `condition` holds, `seconds` at most; tell whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def tail(logs: Iterable[Path], lines: int = 20) -> str:
    """The last lines of each log, for the message of a failure."""
    parts = []
    for log in logs:
        if log.exists():
            parts += [f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-lines:]]
    return "\n".join(parts)


def found(program: str) -> str:
    """Where `program` is. Raises `Missing`."""
    home = os.environ.get("JAVA_HOME", "")
    path = shutil.which(program, path=f"{home}/bin") if program == "java" and home else None
    path = path or shutil.which(program)
    if path is None:
        raise Missing(program)
    return path


def read_state(directory: Path) -> dict[str, Any] | None:
    """What the last call of `write_state` left there, or nothing."""
    try:
        state: dict[str, Any] = json.loads((directory / "state.json").read_text())
    except FileNotFoundError:
        return None
    return state


def write_state(directory: Path, state: Mapping[str, Any]) -> None:
    """Replace the file at once: a reader sees the old or the new one. Only its owner can read it (passwords)."""
    new = directory / "state.json.new"
    new.touch(mode=0o600)
    new.write_text(json.dumps(state, indent=2) + "\n")
    new.replace(directory / "state.json")


def default_directory(name: str) -> Path:
    """Where the command line keeps the server `name` of this checkout: `stop` finds what `start` made."""
    checkout = f"{zlib.crc32(str(CHECKOUT).encode()):08x}"
    parent = Path(tempfile.gettempdir()) / f"page-moderation-{os.geteuid()}-{checkout}"
    parent.mkdir(mode=0o711, exist_ok=True)
    if parent.is_symlink() or parent.stat().st_uid != os.geteuid():
        raise ServerFailed(f"{parent} belongs to somebody else; give another folder with --dir")
    return parent / name
