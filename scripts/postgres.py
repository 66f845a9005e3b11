"""
A real PostgreSQL on this machine, for tests and development.

    python3 scripts/postgres.py start       prints DATABASE_URL=...
    python3 scripts/postgres.py kill        kill -9, server and sessions
    python3 scripts/postgres.py restart     the same data, the same port
    python3 scripts/postgres.py stop

Rules kept here:

- The binaries are the system's own: the newest in /usr/lib/postgresql, or else those on the PATH.
- Durability is PostgreSQL's default (fsync and synchronous_commit on): what tests show about crashes must be true.
- It listens on the loopback address only, and wants a random password even there.
- PostgreSQL refuses to run as root. Root runs it as the user `postgres`, or else `nobody`. Where that user cannot enter
  the given folder, the data lie in a temporary folder of their own, and the state file says where.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.processes import (
    Missing,
    Process,
    ServerFailed,
    default_directory,
    free_ports,
    identity,
    read_state,
    spawn,
    tail,
    until,
    write_state,
)

HOST = "127.0.0.1"
ROLE = "moderation"
START_SECONDS = 60.0
LONGEST_SOCKET_FOLDER = 80
"""In bytes: the kernel allows 107 for the whole path of a socket."""


class PostgresServer:
    """
    One PostgreSQL server, with its data and log in one folder.

    Args:
        directory: the folder; without one, a temporary folder that `stop` removes. A folder that holds an earlier
            server is used again: same data, same port, same password.
        port: a free one is taken when not given.
        die_with_parent: the server ends when this process ends, even by `kill -9` (Linux).
    """

    def __init__(
        self, directory: Path | None = None, *, port: int | None = None, die_with_parent: bool = False
    ) -> None:
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="postgres-") if directory is None else directory).resolve()
        self._die_with_parent = die_with_parent
        self._wanted, self._port = port, port or 0
        self._password = ""
        self._home = self.directory / "cluster"
        self._process = Process(0, "")

    @classmethod
    def attach(cls, directory: Path) -> PostgresServer:
        """The server that was started in `directory`, by whomever. Raises `ServerFailed` if none was."""
        server = cls(directory)
        if not server._recall():
            raise ServerFailed(f"no PostgreSQL was started in {directory}")
        return server

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg. The role may create databases; the one named here is empty."""
        return f"postgresql+asyncpg://{ROLE}:{self._password}@{HOST}:{self._port}/postgres"

    @property
    def version(self) -> str:
        """As the server's program says it, such as `15.18`."""
        said = subprocess.run([_program("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
        matched = re.search(r"\d+(\.\d+)*", said)
        return matched.group() if matched else said.strip()

    @property
    def running(self) -> bool:
        """Whether its process runs; it may be starting or recovering."""
        return self._process.alive

    @property
    def pid(self) -> int:
        """The process id of the server (the parent of its sessions), for a signal of one's own."""
        return self._process.pid

    def start(self) -> None:
        """
        Start the server unless it runs and return when it takes connections. A repeat is safe.

        Raises:
            Missing: PostgreSQL is not installed.
        ServerFailed: it does not come up.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._recall():
            self._lay_out()
        if self._wanted not in (None, self._port):
            raise ServerFailed(f"{self.directory} holds a server on port {self._port}; stop it first")
        if not self.running:
            self._launch()
        self._await()

    def stop(self) -> None:
        """End the server: sessions are closed, all is written down. A temporary folder is removed. A repeat is safe."""
        self._process.end(signal.SIGINT, seconds=30)
        if self._temporary:
            self.discard()

    def discard(self) -> None:
        """Remove the data and the folder of a server that does not run. A repeat is safe."""
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """`kill -9` the server and every session; returns when all have ended. The next start recovers from the log."""
        sessions = self._process.children()
        for process in [self._process, *sessions]:
            process.end(signal.SIGKILL, seconds=10)
        # Where nobody collects ended processes (a container's first process may not), the pid stays taken and the next
        # server would believe the locks of the dead one. All have ended: the locks mean nothing any more.
        for lock in [self._home / "data" / "postmaster.pid", *self._home.glob(".s.PGSQL.*.lock")]:
            lock.unlink(missing_ok=True)

    def restart(self) -> None:
        """End the server politely if it still runs, start it on the same data and port, return when it answers."""
        self._process.end(signal.SIGINT, seconds=30)
        self._launch()
        self._await()

    def _recall(self) -> bool:
        """Take over what the folder remembers; False when it remembers nothing."""
        state = read_state(self.directory)
        if state is None:
            return False
        self._home, self._port, self._password = Path(state["home"]), state["port"], state["password"]
        self._process = Process(state["pid"], state["born"])
        return True

    def _remember(self) -> None:
        state = {"home": str(self._home), "port": self._port, "password": self._password}
        write_state(self.directory, {**state, "pid": self._process.pid, "born": self._process.born})

    def _lay_out(self) -> None:
        """Make an empty database cluster."""
        user = _unprivileged_user()
        self._home = _home(self.directory, user)
        self._port = self._port or free_ports(1)[0]
        self._password = secrets.token_urlsafe(24)
        secret = self._home / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if user:
            shutil.chown(secret, user)
        # Without --no-sync it would wait for the disk three thousand times; the server itself syncs as always.
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", f"--username={ROLE}"]
        done = subprocess.run(
            [_program("initdb"), *options, f"--pwfile={secret}", f"--pgdata={self._home / 'data'}"],
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
            **identity(user),
        )
        secret.unlink()
        if done.returncode:
            raise ServerFailed(f"initdb fails\n{done.stdout}{done.stderr}")
        self._remember()

    def _launch(self) -> None:
        settings = {
            "listen_addresses": HOST,
            "port": self._port,
            "unix_socket_directories": self._home,
            "max_connections": 200,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = spawn(
            [_program("postgres"), "-D", self._home / "data", *options],
            self._log,
            directory=self._home,
            user=_unprivileged_user(),
            death_signal=signal.SIGQUIT if self._die_with_parent else None,
        )
        self._remember()

    def _await(self) -> None:
        ask = [_program("pg_isready"), "--quiet", "-h", HOST, "-p", str(self._port), "-U", ROLE, "-d", "postgres"]

        def ready() -> bool:
            return self._says_ready() and subprocess.run(ask, check=False).returncode == 0

        answered = until(lambda: not self.running or ready(), START_SECONDS)
        if not answered or not self.running:
            raise ServerFailed(f"PostgreSQL does not start\n{tail([self._log])}")

    def _says_ready(self) -> bool:
        """Whether our own server says so in its lock file: somebody else's may answer on the same port."""
        try:
            lines = (self._home / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    @property
    def _log(self) -> Path:
        return self.directory / "postgres.log"


def _program(name: str) -> str:
    """Where one of PostgreSQL's programs is: the newest of Debian's folders, or else the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    path = str(installed[-1]) if installed else shutil.which(name)
    if path is None:
        raise Missing(f"PostgreSQL's {name}")
    return path


def _unprivileged_user() -> str | None:
    """Whom root lets run the server; nobody else has to change."""
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _home(directory: Path, user: str | None) -> Path:
    """A folder that belongs to the server's user, inside `directory` if that user can get there."""
    home = directory / "cluster"
    home.mkdir(mode=0o700)
    if user:
        shutil.chown(home, user)
    enters = subprocess.run(["test", "-x", str(home)], check=False, cwd="/", **identity(user)).returncode == 0
    if enters and len(bytes(home)) <= LONGEST_SOCKET_FOLDER:
        return home
    home.rmdir()
    elsewhere = Path(tempfile.mkdtemp(prefix="postgres-"))
    if user:
        shutil.chown(elsewhere, user)
    return elsewhere


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="postgres.py", description="A local PostgreSQL for tests and development.")
    parser.add_argument("command", choices=["start", "stop", "status", "kill", "restart"])
    parser.add_argument("--port", type=int, help="a free one otherwise")
    parser.add_argument("--dir", type=Path, help="data, log and state; a temporary folder otherwise")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except ServerFailed as failure:
        print(failure, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    directory = options.dir.resolve() if options.dir else default_directory("postgres")
    if options.command == "start":
        began = time.monotonic()
        server = PostgresServer(directory, port=options.port)
        server.start()
        print(f"PostgreSQL {server.version}, {time.monotonic() - began:.1f} s, {directory}")
        print(f"DATABASE_URL={server.url}")
        return 0
    server = PostgresServer.attach(directory)
    if options.command == "stop":
        server.stop()
        if options.dir is None:
            server.discard()
    elif options.command == "kill":
        server.kill()
    elif options.command == "restart":
        server.restart()
    else:
        print(f"PostgreSQL {server.version}, {'running' if server.running else 'not running'}, {directory}")
        print(f"DATABASE_URL={server.url}")
        return 0 if server.running else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
