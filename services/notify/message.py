"""
What people read: a title of at most 160 characters and a short body, in plain words.

It says what, why, where and since when, and gives the link that answers. It never holds the comment's text or its
author: providers of SMS and chat are third parties. The reference is the alert's and stays the same, so that a person
sees that a repeated message is the same one.

Policy: A.10 (the reason), A.14 (administrators are alerted).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notify.channels import Message
from services.notify.policy import Kind
from shared.categories import Category
from shared.events import Standing
from shared.policy import Policy

TITLE_LENGTH = 160
LISTED = 5
"""So many lines of a bundle stand in a message; the page shows more."""

PLATFORMS = {"facebook": "Facebook", "instagram": "Instagram", "x": "X", "youtube": "YouTube", "linkedin": "LinkedIn"}

FAILURES = {
    "not_supported": "this platform offers no way to hide a comment",
    "refused": "the platform refused",
    "credential": "our access to the page has ended or lacks a permission",
    "gave_up": "the platform did not carry it out, however often we asked",
}
"""Why a hide failed, in words."""

UNREFERENCED = "A member reported a post; its place is in the review queue."


def failure_reason(reason: str) -> str:
    """The sentence that says why a hide failed, and what is asked for."""
    why = FAILURES.get(reason, "the platform did not carry it out")
    return f"The comment should be hidden and is still visible: {why}. Please act on the platform."


def reference(alert_id: UUID) -> str:
    """The short mark that tells whether two messages are the same one."""
    return alert_id.hex[:8]


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Such as ``Saturday 7 March 2026, 22:14 EST``."""
    local = moment.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M %Z}"


def what_happened(incident: Any) -> str:
    """What an incident is, as the beginning of a sentence."""
    if incident["kind"] == Kind.HIDE_FAILED:
        return "Not hidden, please act"
    if incident["kind"] == Kind.REPORT:
        return "Reported by a member"
    if incident["standing"] == Standing.PROPOSED:
        return "Visible, please decide"
    return "Hidden, please confirm"


def category_words(incident: Any, policy: Policy) -> str:
    """The category's title and clause; empty when none is known."""
    if not incident["category"]:
        return ""
    rule = policy.categories[Category(incident["category"])]
    return f"{rule.title} ({rule.clause})"


def place(incident: Any) -> str:
    """The account and its platform, in words."""
    platform = PLATFORMS.get(incident["platform"], incident["platform"])
    name = incident["account_name"] or incident["account"]
    return f"{name} on {platform}" if name and platform else name or platform or "a social media page"


def compose(alert: Any, incidents: Sequence[Any], link: str, policy: Policy) -> Message:
    """The message for an alert with its open ``incidents``, of which there is at least one."""
    single = len(incidents) == 1 and not alert["late"]
    title = _single_title(incidents[0], policy) if single else _bundle_title(alert, incidents, policy)
    lines = _single_lines(incidents[0], policy) if single else _bundle_lines(incidents, policy)
    lines += [
        "",
        f"Say that you have it: {link}",
        f"Reference {reference(alert['id'])}. A second message with this reference is the same one.",
    ]
    return Message(shortened(title), "\n".join(lines))


def shortened(title: str) -> str:
    """``title`` on one line, cut to 160 characters."""
    line = " ".join(title.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def _single_title(incident: Any, policy: Policy) -> str:
    words = category_words(incident, policy)
    urgent = "URGENT. " if incident["urgent"] else ""
    return f"{urgent}{what_happened(incident)}: " + (f"{words}, " if words else "") + place(incident)


def _single_lines(incident: Any, policy: Policy) -> list[str]:
    words = category_words(incident, policy)
    lines = [f"What: {what_happened(incident)}" + (f". {words}." if words else ".")]
    if incident["reason"]:
        lines.append(f"Why: {incident['reason']}")
    lines.append(f"Where: {place(incident)}")
    if incident["url"]:
        lines.append(incident["url"])
    lines.append(f"Since: {local_time(incident['received_at'], policy.zone)}")
    return lines


def _bundle_title(alert: Any, incidents: Sequence[Any], policy: Policy) -> str:
    since = local_time(min(row["received_at"] for row in incidents), policy.zone)
    comments = f"{len(incidents)} comment{'s' if len(incidents) != 1 else ''}"
    if alert["late"]:
        return f"Late: {comments} judged only now, waiting since {since}"
    urgent = "URGENT. " if any(row["urgent"] for row in incidents) else ""
    return f"{urgent}{comments} more need you: {place(incidents[0])}, since {since}"


def _bundle_lines(incidents: Sequence[Any], policy: Policy) -> list[str]:
    counts = Counter((what_happened(row), category_words(row, policy), place(row)) for row in incidents)
    lines = [
        f"{count} x {what}: {', '.join(part for part in (words, where) if part)}"
        for (what, words, where), count in counts.most_common(LISTED)
    ]
    if len(counts) > LISTED:
        lines.append(f"and {len(counts) - LISTED} more kinds; the link shows them")
    return [*lines, f"Since: {local_time(min(row['received_at'] for row in incidents), policy.zone)}"]
