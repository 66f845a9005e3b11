"""What people read: what, why, where, since when; never the comment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.notify.message import TITLE_LENGTH, compose, local_time, reference, shortened
from shared.categories import CATEGORIES
from shared.policy import Policy
from tests.unit.notify.matters import NIGHT

ALERT = {"id": UUID("0c5a1b2e-0000-5000-8000-000000000000"), "late": False}
LINK = "https://notify.example/page/token"


def incident(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "finding",
        "standing": "hidden_provisionally",
        "category": "vulgar",
        "platform": "facebook",
        "account": "1029",
        "account_name": "Riverbend Police",
        "reason": "The comment contains vulgar language (A.11.b).",
        "url": "https://social.example/7",
        "received_at": NIGHT,
        "urgent": False,
        **fields,
    }


@pytest.mark.policy("A.14")
def test_a14_a_page_says_what_why_where_and_since_when(policy: Policy) -> None:
    message = compose(ALERT, [incident()], LINK, policy)
    assert message.title == "Hidden, please confirm: Vulgar language (A.11.b), Riverbend Police on Facebook"
    assert "Why: The comment contains vulgar language (A.11.b)." in message.body
    assert "Where: Riverbend Police on Facebook\nhttps://social.example/7" in message.body
    assert "Since: Saturday 7 March 2026, 22:14 EST" in message.body
    assert LINK in message.body
    assert "Reference 0c5a1b2e" in message.body


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"standing": "proposed"}, "Visible, please decide: Vulgar language (A.11.b), Riverbend Police on Facebook"),
        (
            {"kind": "hide_failed", "category": None, "urgent": True},
            "URGENT. Not hidden, please act: Riverbend Police on Facebook",
        ),
        ({"kind": "report", "category": None}, "Reported by a member: Riverbend Police on Facebook"),
        (
            {"kind": "report", "category": None, "platform": "", "account": "", "account_name": ""},
            "Reported by a member: a social media page",
        ),
    ],
)
def test_the_title_names_the_matter(policy: Policy, fields: dict[str, Any], title: str) -> None:
    assert compose(ALERT, [incident(**fields)], LINK, policy).title == title


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_title_fits_in_160_characters(policy: Policy, category: str) -> None:
    message = compose(ALERT, [incident(category=category, account_name="A" * 255, urgent=True)], LINK, policy)
    assert len(message.title) <= TITLE_LENGTH
    assert policy.categories[category].clause in message.title  # type: ignore[index]


def test_a_title_is_one_line() -> None:
    assert shortened("two\r\nlines") == "two lines"


def test_a_bundle_counts_by_kind_and_says_since_when(policy: Policy) -> None:
    many = [incident() for _ in range(3)] + [incident(standing="proposed", category="spam_links")]
    message = compose(ALERT, many, LINK, policy)
    assert message.title == (
        "4 comments more need you: Riverbend Police on Facebook, since Saturday 7 March 2026, 22:14 EST"
    )
    assert "3 x Hidden, please confirm: Vulgar language (A.11.b), Riverbend Police on Facebook" in message.body
    assert "1 x Visible, please decide: Spam or links to other sites (A.11.i)" in message.body


def test_a_late_bundle_says_how_many_and_since_when(policy: Policy) -> None:
    message = compose({**ALERT, "late": True}, [incident(), incident()], LINK, policy)
    assert message.title == "Late: 2 comments judged only now, waiting since Saturday 7 March 2026, 22:14 EST"


def test_local_time_names_its_zone_in_both_seasons(policy: Policy) -> None:
    assert local_time(datetime(2026, 7, 4, 3, 0, tzinfo=UTC), policy.zone) == "Friday 3 July 2026, 23:00 EDT"


def test_the_reference_is_the_alerts() -> None:
    assert reference(ALERT["id"]) == "0c5a1b2e"  # type: ignore[arg-type]
