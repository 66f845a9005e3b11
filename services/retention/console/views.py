"""
From rows to pages: the templates, the words for each state, and the marks in a comment's text.

Comments are hostile text: everything is escaped, and text and names stand in ``<bdi>`` so that writing directions
cannot leak into the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.retention.policy import ACTS, UNJUDGED
from shared.categories import CATEGORIES
from shared.events import Standing
from shared.policy import Policy

STANDINGS: Mapping[str, str] = {
    Standing.HIDDEN_PROVISIONALLY: "Hidden, to be confirmed",
    Standing.HIDDEN_CONFIRMED: "Hidden, confirmed",
    Standing.PROPOSED: "Visible, to be decided",
    Standing.RESTORED: "Visible, restored",
    Standing.LAPSED: "Visible, not confirmed in time",
    Standing.ALLOWED: "Visible",
    Standing.GONE: "Removed from the platform",
    UNJUDGED: "Not judged yet",
}
"""What stands for a comment, in words."""

STATES: Mapping[str, str] = {
    "requested": "waiting to be carried out on the platform",
    "sent": "sent to the platform, not read back yet",
    "verified": "read back from the platform",
    "failed_retryable": "the platform did not answer; it is tried again",
    "failed_final": "the platform refused; a person must act there",
    "gone": "no longer on the platform",
    "not_supported": "this platform cannot hide it; a person must act there",
}
"""How far an act is on the platform, in words."""

VIEW_NAMES: Mapping[str, str] = {"review": "To review", "hidden": "Hidden", "restored": "Shown again", "all": "All"}

ACT_WORDS: Mapping[str, str] = {
    "confirm": "Confirm the hide",
    "restore": "Restore it",
    "hide": "Hide it",
    "overturn": "Show it again",
}


def acts_for(standing: str) -> tuple[str, ...]:
    """What a designated member may do with a comment that stands so."""
    return ACTS.get(standing, ())


def marked(text: str, spans: Sequence[Mapping[str, int]]) -> list[tuple[str, bool]]:
    """
    ``text`` in pieces, each with whether it is evidence.

    Overlapping and adjoining spans join; what lies outside the text is cut off. The pieces together are the text.
    """
    edges = sorted((max(0, span["start"]), min(len(text), span["end"])) for span in spans)
    pieces: list[tuple[str, bool]] = []
    place = 0
    for start, end in edges:
        start = max(start, place)
        if end <= start:
            continue
        pieces += [(text[place:start], False), (text[start:end], True)]
        place = end
    pieces.append((text[place:], False))
    return [piece for piece in pieces if piece[0]]


class Views:
    """Renders the console's templates in the city's words and time zone."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._templates = Environment(
            loader=PackageLoader("services.retention.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"when": self._when, "day": self._day, "percent": _percent}
        self._templates.globals |= {
            "division": policy.city.division,
            "rules": policy.categories,
            "categories": CATEGORIES,
            "standings": STANDINGS,
            "states": STATES,
            "view_names": VIEW_NAMES,
            "act_words": ACT_WORDS,
            "marked": marked,
            "fresh_id": uuid4,
            "evidence_spans": _evidence_spans,
        }

    def render(self, template: str, **context: object) -> str:
        """The page as text. Raises jinja2's errors for a broken template: a bug."""
        return self._templates.get_template(template).render({"session": None, **context})

    def _when(self, moment: datetime) -> str:
        return (
            moment.astimezone(self._policy.zone)
            .strftime("%b %-d, %-I:%M %p")
            .replace("AM", "a.m.")
            .replace("PM", "p.m.")
        )

    def _day(self, moment: datetime) -> str:
        return moment.astimezone(self._policy.zone).strftime("%A, %B %-d, %Y, %H:%M:%S %Z")


def _percent(score: float) -> str:
    return f"{min(99.9, score * 100):.0f} %" if score < 0.995 else "over 99 %"


def _evidence_spans(evidence: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, int]]:
    return [span for finding in evidence or () for span in finding.get("spans", ())]
