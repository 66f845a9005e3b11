"""What follows from a judgement and from a person's act: tables over everything that can stand."""

from __future__ import annotations

import pytest

from services.retention.policy import ACTS, UNJUDGED, Case, Plan, plan, reviewed
from shared.categories import Category
from shared.decision import Decision
from shared.events import Action, Finding, How, Standing

FINDING = Finding(category=Category.SPAM_LINKS, score=1.0, source="links", reason="It holds a link (A.11.i).")
HIDE = Decision(Action.HIDE, FINDING, FINDING.reason)
PROPOSE = Decision(Action.PROPOSE, FINDING, FINDING.reason)
ALLOW = Decision(Action.ALLOW)
HIDDEN, CONFIRMED, PROPOSED = Standing.HIDDEN_PROVISIONALLY, Standing.HIDDEN_CONFIRMED, Standing.PROPOSED


def planned(standing: str, decision: Decision, **more: object) -> Plan:
    values = {"standing": standing, "decision": decision, "by_account": False, "how": How.WEBHOOK}
    return plan(Case(**{**values, **more}))  # type: ignore[arg-type]


@pytest.mark.policy("A.10")
@pytest.mark.parametrize(
    ("standing", "decision", "leads_to", "wanted", "record", "clock"),
    [
        (UNJUDGED, HIDE, HIDDEN, "hidden", True, True),
        (UNJUDGED, PROPOSE, PROPOSED, None, True, False),
        (UNJUDGED, ALLOW, Standing.ALLOWED, None, False, False),
        (HIDDEN, HIDE, HIDDEN, "hidden", True, True),
        (HIDDEN, PROPOSE, PROPOSED, "shown", True, False),
        (HIDDEN, ALLOW, Standing.ALLOWED, "shown", False, False),
        (CONFIRMED, HIDE, HIDDEN, "hidden", True, True),
        (CONFIRMED, PROPOSE, HIDDEN, None, True, True),
        (CONFIRMED, ALLOW, HIDDEN, None, False, True),
        (Standing.RESTORED, HIDE, HIDDEN, "hidden", True, True),
        (Standing.LAPSED, ALLOW, Standing.ALLOWED, None, False, False),
    ],
)
def test_a10_what_follows_from_a_judgement(
    standing: str, decision: Decision, leads_to: Standing, wanted: str | None, record: bool, clock: bool
) -> None:
    found = planned(standing, decision)
    assert (found.standing, found.wanted, found.record, found.clock) == (leads_to, wanted, record, clock)
    if found.wanted == "hidden" or found.clock:
        assert found.reason.strip()


@pytest.mark.parametrize(
    ("more", "leads_to", "words"),
    [
        ({"by_account": True}, Standing.ALLOWED, ""),
        ({"how": How.BACKFILL}, PROPOSED, "older comments"),
        ({"replies": 1, "hides_replies": True}, PROPOSED, "1 reply"),
        ({"replies": 3, "hides_replies": True}, PROPOSED, "3 replies"),
        ({"replies": 3, "hides_replies": False}, HIDDEN, ""),
        ({"replies": 0, "hides_replies": True}, HIDDEN, ""),
    ],
)
def test_what_a_machine_must_not_hide_by_itself(more: dict[str, object], leads_to: Standing, words: str) -> None:
    found = planned(UNJUDGED, HIDE, **more)
    assert found.standing is leads_to
    assert words in found.reason


@pytest.mark.policy("A.4", "A.10")
@pytest.mark.parametrize(
    ("standing", "act", "result"),
    [
        (HIDDEN, "confirm", (CONFIRMED, None)),
        (HIDDEN, "restore", (Standing.RESTORED, "shown")),
        (CONFIRMED, "overturn", (Standing.RESTORED, "shown")),
        (PROPOSED, "restore", (Standing.ALLOWED, None)),
        (PROPOSED, "hide", (CONFIRMED, "hidden")),
        (Standing.ALLOWED, "hide", (CONFIRMED, "hidden")),
        (CONFIRMED, "confirm", None),
        (CONFIRMED, "restore", None),
        (HIDDEN, "overturn", None),
        (Standing.ALLOWED, "confirm", None),
        (Standing.GONE, "hide", None),
        (UNJUDGED, "hide", None),
    ],
)
def test_a4_what_a_person_may_do_with_what_stands(standing: str, act: str, result: object) -> None:
    assert reviewed(standing, act) == result


def test_the_cautious_act_stands_first_where_the_comment_is_visible() -> None:
    assert ACTS[PROPOSED][0] == "restore"
    assert Standing.GONE not in ACTS
