"""
Commands for operators: official accounts (A.1), people (A.4), records (A.10) and dead letters.

They run beside a live service, embedded too. Exit codes: 0 done, 1 not found or not done, 2 wrong usage or settings.
Nothing here prints a comment's text, except ``dead-letters show`` and ``records show``, which leave an audit entry.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence

from services.retention.letters import replay_letters
from services.retention.store.letters import LetterStore, letter_of
from services.retention.store.lists import RecordStore
from shared.directory import Account, Role
from shared.errors import ModerationError
from shared.policy import MODES, Mode
from shared.runtime import open_resources
from shared.service import Resources
from shared.settings import SystemSettings

Command = Callable[[Resources, argparse.Namespace], Awaitable[int]]


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives back the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_with_resources(options.run, options))
    except ModerationError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 2


async def _with_resources(command: Command, options: argparse.Namespace) -> int:
    async with open_resources(SystemSettings.load(), exclusive=False) as resources:
        return await command(resources, options)


async def add_account(resources: Resources, options: argparse.Namespace) -> int:
    """Register an official account, or change its name and mode."""
    account = Account(options.platform, options.account, options.name, Mode(options.mode))
    new = await resources.directory.add_account(account, actor=options.actor)
    print(f"{'added' if new else 'changed'}: {account.platform} {account.account}, {account.name}, mode {account.mode}")
    if new:
        print("Deliveries that came before: python -m services.retention dead-letters replay --reason unknown_account")
    return 0


async def list_accounts(resources: Resources, _: argparse.Namespace) -> int:
    """All official accounts."""
    found = await resources.directory.accounts()
    for account in found:
        print(f"{account.platform:<12} {account.account:<24} {account.mode:<8} {account.name}")
    if not found:
        print("no account is registered", file=sys.stderr)
    return 0


async def add_person(resources: Resources, options: argparse.Namespace) -> int:
    """Grant roles; the token is printed once."""
    token = await resources.directory.add_person(options.person, options.name, frozenset(map(Role, options.role)))
    print(f"{options.person} may act as {', '.join(sorted(options.role))}. The token, shown once:\n{token}")
    return 0


async def list_people(resources: Resources, _: argparse.Namespace) -> int:
    """Everybody with a grant in force."""
    for person in await resources.directory.people():
        print(f"{person.person:<24} {', '.join(sorted(person.roles)):<40} {person.name}")
    return 0


async def revoke_person(resources: Resources, options: argparse.Namespace) -> int:
    """Take every grant away, at once."""
    done = await resources.directory.revoke_person(options.person)
    print(f"{options.person} {'may not act any more' if done else 'had no grant'}")
    return 0 if done else 1


async def list_letters(resources: Resources, options: argparse.Namespace) -> int:
    """Dead letters, without their content."""
    found = await LetterStore(resources.db).find(reason=options.reason, ended=options.all)
    for row in found:
        state = f"{row['ended_how']} by {row['ended_by']}" if row["ended_at"] else "waits"
        print(
            f"{row['number']:>6}  {row['died_at']:%Y-%m-%d %H:%M:%S}Z  {row['reason']:<16} {row['origin']:<44} {state}"
        )
        if row["detail"]:
            print(f"        {row['detail']}")
    if not found:
        print("no dead letter waits", file=sys.stderr)
    return 0


async def show_letter(resources: Resources, options: argparse.Namespace) -> int:
    """One dead letter with its content; leaves an audit entry."""
    store = LetterStore(resources.db)
    row = await store.get(options.number)
    if row is None:
        print(f"there is no dead letter {options.number}", file=sys.stderr)
        return 1
    await store.note_shown(options.number, options.actor, resources.now())
    print(json.dumps(letter_of(row).model_dump(mode="json"), indent=2, ensure_ascii=False))
    return 0


async def replay(resources: Resources, options: argparse.Namespace) -> int:
    """Send dead letters on their way again."""
    store = LetterStore(resources.db)
    if options.number is not None:
        row = await store.get(options.number)
        rows = [row] if row is not None and row["ended_at"] is None else []
    else:
        rows = await store.find(reason=options.reason)
    if not rows:
        print("no such dead letter waits", file=sys.stderr)
        return 1
    report = await replay_letters(resources, store, rows, options.actor)
    for number, why in report.kept:
        print(f"{number:>6}  still waits: {why}")
    print(f"{report.replayed} replayed, {len(report.kept)} still wait")
    return 1 if report.kept else 0


async def dismiss(resources: Resources, options: argparse.Namespace) -> int:
    """End a dead letter by a person's act, with the reason."""
    done = await LetterStore(resources.db).end(options.number, options.actor, "dismissed", resources.now(), options.why)
    print(f"dead letter {options.number} {'dismissed' if done else 'does not wait'}")
    return 0 if done else 1


async def list_records(resources: Resources, options: argparse.Namespace) -> int:
    """Records with their reasons, newest first, without the comments' texts."""
    for row in await RecordStore(resources.db).latest(options.limit):
        print(f"{row['made_at']:%Y-%m-%d %H:%M:%S}Z  {row['clause']:<8} {row['standing']:<22} {row['subject']}")
        print(f"        {row['reason']}")
    return 0


async def show_record(resources: Resources, options: argparse.Namespace) -> int:
    """A comment with all its revisions, verdicts, records and decisions; leaves an audit entry."""
    store = RecordStore(resources.db)
    found = await store.everything(options.subject, options.actor, resources.now())
    if found is None:
        print(f"there is no comment {options.subject}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2, ensure_ascii=False, default=str))
    return 0


def actor(text: str) -> str:
    """``person:NAME``; anything else is refused."""
    if not re.fullmatch(r"person:[A-Za-z0-9._-]{1,64}", text):
        raise argparse.ArgumentTypeError("say who acts, such as person:rivera (A.4)")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.retention", description=__doc__)
    groups = parser.add_subparsers(required=True, metavar="accounts|people|records|dead-letters")
    _add_directory(groups)
    records = groups.add_parser("records", help="records with their reasons").add_subparsers(required=True)
    command = _command(records, "list", list_records)
    command.add_argument("--limit", type=int, default=50)
    command = _command(records, "show", show_record)
    command.add_argument("subject", help="platform:account:comment_id")
    command.add_argument("--actor", type=actor, required=True)
    letters = groups.add_parser("dead-letters", help="what could not be handled").add_subparsers(required=True)
    command = _command(letters, "list", list_letters)
    command.add_argument("--reason", choices=["unreadable", "unknown_account", "rejected", "bug"])
    command.add_argument("--all", action="store_true", help="the ended ones too")
    command = _command(letters, "show", show_letter)
    command.add_argument("number", type=int)
    command.add_argument("--actor", type=actor, required=True)
    command = _command(letters, "replay", replay)
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("number", type=int, nargs="?")
    which.add_argument("--reason", choices=["unreadable", "unknown_account", "rejected", "bug"])
    command.add_argument("--actor", type=actor, required=True)
    command = _command(letters, "dismiss", dismiss)
    command.add_argument("number", type=int)
    command.add_argument("--why", required=True)
    command.add_argument("--actor", type=actor, required=True)
    return parser


def _add_directory(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    accounts = groups.add_parser("accounts", help="official accounts (A.1)").add_subparsers(required=True)
    command = _command(accounts, "add", add_account)
    command.add_argument("platform")
    command.add_argument("account", help="the platform's id of the page")
    command.add_argument("--name", required=True)
    command.add_argument("--mode", required=True, choices=[mode.value for mode in MODES], help="there is no default")
    command.add_argument("--actor", type=actor, default="person:operator")
    _command(accounts, "list", list_accounts)
    people = groups.add_parser("people", help="who may act (A.4)").add_subparsers(required=True)
    command = _command(people, "add", add_person)
    command.add_argument("person")
    command.add_argument("--name", required=True)
    command.add_argument("--role", action="append", required=True, choices=[role.value for role in Role])
    command = _command(people, "revoke", revoke_person)
    command.add_argument("person")
    _command(people, "list", list_people)


def _command(
    group: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command
) -> argparse.ArgumentParser:
    summary = (run.__doc__ or "").strip()
    parser = group.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser
