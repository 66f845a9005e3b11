"""
Signing in to the console: a token is exchanged for a session, which is a row and can be ended at once.

* The cookie holds 256 random bits; the row holds their hash. HttpOnly, SameSite=Strict, Secure with a `__Host-` name
  where the console is reached by https.
* A session ends after two hours without a request and after twelve hours in any case.
* The person behind it is read afresh on each request: a revoked grant binds at once (A.4).
* A change is accepted only with the session's form token and from the console's own origin.

Policy: A.4 (only authorized members act).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response
from sqlalchemy import insert, select, update
from starlette.exceptions import HTTPException

from services.retention.tables import audit, sessions
from shared.db import Database
from shared.directory import Directory, Person, hash_token

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)


class SignInNeeded(Exception):
    """Nobody is signed in; the page to come back to is ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class Session:
    """Who is signed in, and the token that this session's forms carry."""

    person: Person
    form_token: str
    key: str


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, db: Database, directory: Directory, now: Callable[[], datetime], *, secure: bool) -> None:
        self._db, self._directory, self._now = db, directory, now
        self._secure = secure
        self.cookie = "__Host-session" if secure else "session"

    async def begin(self, token: str, response: Response) -> Person | None:
        """Exchange a token for a session, and set its cookie. None when the token is nobody's; both are audited."""
        person = await self._directory.person_by_token(token.strip())
        secret = secrets.token_urlsafe(32)
        now = self._now()
        async with self._db.write() as connection:
            if person:
                row = {
                    "session_hash": hash_token(secret),
                    "person": person.person,
                    "form_token": secrets.token_urlsafe(24),
                    "begun_at": now,
                    "seen_at": now,
                }
                await connection.execute(insert(sessions).values(**row))
            entry = {
                "at": now,
                "actor": person.actor if person else "person:unknown",
                "act": "signed in" if person else "sign-in refused",
                "object": "console",
                "detail": "",
            }
            await connection.execute(insert(audit).values(**entry))
        if person:
            response.set_cookie(self.cookie, secret, path="/", httponly=True, secure=self._secure, samesite="strict")
        return person

    async def find(self, request: Request) -> Session:
        """The session of this request. Raises `SignInNeeded`."""
        secret = request.cookies.get(self.cookie, "")
        now = self._now()
        key = hash_token(secret)
        async with self._db.read() as connection:
            query = select(sessions).where(sessions.c.session_hash == key, sessions.c.ended_at.is_(None))
            row = (await connection.execute(query)).mappings().first() if secret else None
        if row is None or now - row["seen_at"] > IDLE or now - row["begun_at"] > ABSOLUTE:
            raise SignInNeeded(request.url.path)
        person = await self._directory.person(row["person"])
        if person is None:
            raise SignInNeeded(request.url.path)
        if now - row["seen_at"] > timedelta(minutes=1):
            async with self._db.write() as connection:
                await connection.execute(update(sessions).where(sessions.c.session_hash == key).values(seen_at=now))
        return Session(person, row["form_token"], key)

    async def end(self, session: Session, response: Response) -> None:
        """Sign out: the row ends and the cookie goes. Safe to repeat."""
        async with self._db.write() as connection:
            change = update(sessions).where(sessions.c.session_hash == session.key).values(ended_at=self._now())
            await connection.execute(change)
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="strict")


def refuse_foreign(request: Request) -> None:
    """Refuse a change that another site's page sends. Raises a 403."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in (None, "same-origin", "none") or (origin and origin.partition("://")[2] != host):
        raise HTTPException(403, "This form was not sent from the console.")


def require_form_token(session: Session, token: str) -> None:
    """Refuse a form that this session did not render. Raises a 403."""
    if not hmac.compare_digest(session.form_token.encode(), token.encode()):
        raise HTTPException(403, "The form is out of date. Open the page again.")
