"""
What retention makes of a judgement, and when a provisional hide must have been confirmed: pure functions.

* A machine's hide is provisional: a designated member must confirm it in so many business hours (A.10).
* A new clean text under a provisional hide is shown again at once.
* A new text under a confirmed hide stays hidden and goes back to a person: nobody has judged it yet.
* The page's own comments are kept and never hidden. What came as a backfill is never hidden by a machine.
* Where a hide takes replies along and there are some, a person decides.

Policy: A.10, A.11.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from shared.decision import Decision
from shared.events import Action, How, Standing
from shared.hours import after_business_hours, hours_of
from shared.policy import Policy

UNJUDGED = "unjudged"
"""The standing of a comment before its first decision."""

Wanted = Literal["hidden", "shown"]


@dataclass(frozen=True)
class Case:
    """One judged revision and what stood before it."""

    standing: str
    decision: Decision
    by_account: bool
    how: How
    replies: int = 0
    hides_replies: bool = False


@dataclass(frozen=True)
class Plan:
    """
    What follows: the new standing, what the platform must show (None: as it is), and whether a new record is made.

    ``clock`` starts the time in which a person must confirm.
    """

    standing: Standing
    wanted: Wanted | None
    record: bool
    clock: bool
    reason: str


def plan(case: Case) -> Plan:
    """
    Say what follows from a machine's judgement.

    Policy: A.10 (provisional until confirmed; a reason for each hide), A.11.
    """
    decision = case.decision
    action, reason = _action(case)
    under_hide = case.standing in (Standing.HIDDEN_PROVISIONALLY, Standing.HIDDEN_CONFIRMED)
    if action is Action.HIDE:
        return Plan(Standing.HIDDEN_PROVISIONALLY, "hidden", record=True, clock=True, reason=reason)
    if case.standing == Standing.HIDDEN_CONFIRMED:
        words = "The text was changed after the hide was confirmed: a person must decide again (A.10)."
        return Plan(
            Standing.HIDDEN_PROVISIONALLY,
            None,
            record=decision.finding is not None,
            clock=True,
            reason=f"{words} {reason}".strip(),
        )
    shown: Wanted | None = "shown" if under_hide else None
    if action is Action.PROPOSE:
        return Plan(Standing.PROPOSED, shown, record=True, clock=False, reason=reason)
    words = "The text was changed, and nothing in A.11 was found in the new one." if under_hide else ""
    return Plan(Standing.ALLOWED, shown, record=False, clock=False, reason=words)


def _action(case: Case) -> tuple[Action, str]:
    decision = case.decision
    if case.by_account:
        return Action.ALLOW, ""
    if decision.action is Action.HIDE and case.how is How.BACKFILL:
        return Action.PROPOSE, f"{decision.reason} It was found in older comments, where a machine hides nothing."
    if decision.action is Action.HIDE and case.hides_replies and case.replies:
        count = "1 reply" if case.replies == 1 else f"{case.replies} replies"
        return Action.PROPOSE, f"{decision.reason} It has {count}, which a hide would take along."
    return decision.action, decision.reason


def confirm_by(moment: datetime, policy: Policy, holidays_around: Callable[[datetime], Collection[date]]) -> datetime:
    """
    When a hide that was made at ``moment`` must have been confirmed, aware and in the zone of ``moment``.

    Policy: A.5, A.10.
    """
    amount = timedelta(hours=policy.confirmation.business_hours)
    return after_business_hours(moment, amount, hours_of(policy), holidays_around)


ACTS: dict[str, tuple[str, ...]] = {
    Standing.HIDDEN_PROVISIONALLY: ("confirm", "restore"),
    Standing.HIDDEN_CONFIRMED: ("overturn",),
    Standing.PROPOSED: ("restore", "hide"),
    Standing.ALLOWED: ("hide",),
    Standing.LAPSED: ("hide",),
    Standing.RESTORED: ("hide",),
}
"""What a designated member may do, by what stands: the cautious act first (A.10)."""


def reviewed(standing: str, act: str) -> tuple[Standing, Wanted | None] | None:
    """
    What a person's act leads to; None where what stands does not allow it: then somebody else was first.

    Policy: A.4, A.10.
    """
    if act not in ACTS.get(standing, ()):
        return None
    if act == "confirm":
        return Standing.HIDDEN_CONFIRMED, None
    if act == "hide":
        return Standing.HIDDEN_CONFIRMED, "hidden"
    if standing == Standing.PROPOSED:
        return Standing.ALLOWED, None
    return Standing.RESTORED, "shown"
