"""
All exceptions of the system, grouped by what the consume loop does with them.

* ModerationError
  + Transient        the batch is given back and tried again, with backoff and jitter, as long as it takes
    - BusUnavailable       the bus did not confirm; what was sent may still arrive later
    - DatabaseUnavailable  the database did not answer
    - PlatformUnavailable  the platform did not answer, or asked us to slow down; carries ``retry_after_seconds``
  + Rejected         this one event can never succeed: dead letter, with its cause, topic and offset
  + PlatformRefused  the platform said no for good; the caller records it as a state
    - CredentialRefused    the token or a permission is at fault: the whole account waits for a person
    - CommentGone          the comment no longer exists there
  + SettingsInvalid  the process must not start; the message names the setting and never its value
* anything else      a bug: the event is isolated and dead-lettered with its traceback

A message of these classes may be logged: it never holds a comment's text, an author or a secret.
"""

from __future__ import annotations


class ModerationError(Exception):
    """The root of every error that this system raises on purpose."""


class Transient(ModerationError):
    """Trying again later can succeed."""


class BusUnavailable(Transient):
    """The bus did not confirm in time. The events may still arrive: publish them again, their ids are the same."""


class DatabaseUnavailable(Transient):
    """The database is away, busy beyond its limit, or closed the connection."""


class PlatformUnavailable(Transient):
    """The platform failed or limits us; the outcome of the call is unknown."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Rejected(ModerationError):
    """This event can never be handled; ``reason`` is short, from a closed set, and becomes a metric's label."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class PlatformRefused(ModerationError):
    """The platform refused for good. Repeating the call is useless."""


class CredentialRefused(PlatformRefused):
    """The token is invalid or a permission is missing: every call of the account would fail until a person mends it."""


class CommentGone(PlatformRefused):
    """The comment does not exist on the platform any more, or cannot be seen by us."""


class SettingsInvalid(ModerationError):
    """A setting is missing or wrong; the message names it and says what is expected."""
