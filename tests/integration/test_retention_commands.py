"""The operators' commands, as they type them: what is printed, the exit codes, and the audit trail."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from services.retention.handlers import KeepDeadLetters, Keeper
from services.retention.tables import audit
from shared.bus.replay import packed
from shared.db import Database
from shared.events import MessageDeadLettered
from shared.runtime import utc_now
from tests.system import ROOT

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs one command on an embedded system of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.retention", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.policy("A.1")
def test_a1_an_account_has_a_mode_that_was_said(command: Command) -> None:
    silent = command("accounts", "add", "facebook", "1029", "--name", "Riverbend PD")
    assert (silent.returncode, "--mode" in silent.stderr) == (2, True)
    assert command("accounts", "list").stderr.strip() == "no account is registered"
    added = command("accounts", "add", "facebook", "1029", "--name", "Riverbend PD", "--mode", "propose")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "added: facebook 1029, Riverbend PD, mode propose")
    changed = command("accounts", "add", "facebook", "1029", "--name", "Riverbend PD", "--mode", "hide")
    assert changed.stdout.startswith("changed: facebook 1029")
    assert "hide" in command("accounts", "list").stdout


@pytest.mark.policy("A.4")
def test_a4_a_grant_is_given_and_taken(command: Command) -> None:
    added = command("people", "add", "rivera", "--name", "Sgt. Rivera", "--role", "designated")
    assert "shown once" in added.stdout
    assert added.stdout.strip().splitlines()[-1] not in command("people", "list").stdout
    assert "rivera" in command("people", "list").stdout
    assert command("people", "revoke", "rivera").returncode == 0
    assert command("people", "revoke", "rivera").returncode == 1
    wrong = command("people", "add", "a b", "--name", "x", "--role", "member")
    assert (wrong.returncode, "identifier" in wrong.stderr) == (2, True)


def keep_letters(folder: Path, *letters: MessageDeadLettered) -> None:
    async def keep() -> None:
        db = Database.open(f"sqlite:///{folder / 'moderation.db'}")
        await KeepDeadLetters(Keeper(db, None, None, utc_now))([*letters, *letters])  # type: ignore[arg-type]
        await db.close()

    asyncio.run(keep())


def audited(folder: Path) -> list[tuple[str, str]]:
    async def read() -> list[tuple[str, str]]:
        db = Database.open(f"sqlite:///{folder / 'moderation.db'}")
        async with db.read() as connection:
            rows = (await connection.execute(select(audit.c.actor, audit.c.act).order_by(audit.c.number))).all()
        await db.close()
        return [(actor, act) for actor, act in rows]

    return asyncio.run(read())


def letter(number: int, **fields: object) -> MessageDeadLettered:
    values = {
        "subject": "facebook:1:2", "time": utc_now(), "reason": "bug", "origin": f"comment.removed.v1/3/{number}",
        "group": "retention.remove", "key": "facebook:1:2", "detail": "KeyError at store.py:5",
        **packed(b'{"words": "secret"}'),
    }  # fmt: skip
    return MessageDeadLettered.caused_by(f"letter/{number}", **{**values, **fields})


def test_dead_letters_are_listed_without_text_shown_with_an_audit_entry_and_ended(
    command: Command, tmp_path: Path
) -> None:
    assert command("dead-letters", "list").stderr.strip() == "no dead letter waits"
    keep_letters(tmp_path, letter(1), letter(2, reason="unreadable", origin="webhook/facebook"), letter(3))
    listed = command("dead-letters", "list").stdout
    assert ("secret" in listed, listed.count("waits")) == (False, 3)
    assert command("dead-letters", "list", "--reason", "bug").stdout.count("waits") == 2
    nobody = command("dead-letters", "show", "1")
    assert (nobody.returncode, "--actor" in nobody.stderr) == (2, True)
    shown = command("dead-letters", "show", "1", "--actor", "person:rivera")
    assert json.loads(shown.stdout)["value"] == '{"words": "secret"}'
    assert command("dead-letters", "show", "9", "--actor", "person:rivera").returncode == 1
    assert "1 replayed, 0 still wait" in command("dead-letters", "replay", "1", "--actor", "person:rivera").stdout
    assert command("dead-letters", "replay", "1", "--actor", "person:rivera").returncode == 1, "it has ended"
    waits = command("dead-letters", "replay", "--reason", "unreadable", "--actor", "person:rivera")
    assert (waits.returncode, "still waits: it cannot be read" in waits.stdout) == (1, True)
    ended = command("dead-letters", "dismiss", "3", "--why", "A test.", "--actor", "person:rivera")
    assert ended.returncode == 0
    assert "replayed by person:rivera" in command("dead-letters", "list", "--all").stdout
    assert audited(tmp_path) == [
        ("person:rivera", "dead letter shown"),
        ("person:rivera", "dead letter replayed"),
        ("person:rivera", "dead letter dismissed"),
    ]


def test_what_is_not_there_is_said(command: Command) -> None:
    missing = command("records", "show", "facebook:1:2", "--actor", "person:rivera")
    assert (missing.returncode, "there is no comment" in missing.stderr) == (1, True)
    assert command("records", "list").returncode == 0
    wrong = command("records", "show", "facebook:1:2", "--actor", "rivera")
    assert (wrong.returncode, "say who acts" in wrong.stderr) == (2, True)
