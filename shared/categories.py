"""
The nine kinds of content that Policy 1903 does not allow, in the order of its letters.

The order is a contract: a row of nine scores has its columns in this order, in the model, in events and in records.

Policy: A.11.a to A.11.i.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """One letter of A.11. The value is the name used in events, settings, metrics and exports."""

    OFF_TOPIC = "off_topic"
    VULGAR = "vulgar"
    DISCRIMINATION = "discrimination"
    SEXUAL = "sexual"
    SOLICITATION = "solicitation"
    ILLEGAL_ACTIVITY = "illegal_activity"
    PUBLIC_SAFETY = "public_safety"
    IP_VIOLATION = "ip_violation"
    SPAM_LINKS = "spam_links"

    @property
    def clause(self) -> str:
        """The clause of Policy 1903, such as ``A.11.i``."""
        return f"A.11.{'abcdefghi'[CATEGORIES.index(self)]}"


CATEGORIES: tuple[Category, ...] = tuple(Category)
