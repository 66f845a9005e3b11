"""
The city's closed days, built a year at a time and kept: the calendar of its country and subdivision, and its own days.

Policy: A.14 (holidays count as outside business hours).
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import holidays

from shared.errors import SettingsInvalid
from shared.policy import Holidays


class ClosedDays:
    """Gives the closed days around a moment. Not shared between threads."""

    def __init__(self, rule: Holidays, zone: ZoneInfo) -> None:
        self._rule, self._zone = rule, zone
        self._years: dict[int, frozenset[date]] = {}

    def around(self, moment: datetime) -> frozenset[date]:
        """
        The closed days of the local year of ``moment``, an aware datetime.

        Raises `SettingsInvalid` when the policy names a country or subdivision without a calendar.
        """
        year = moment.astimezone(self._zone).year
        if year not in self._years:
            self._years[year] = self._build(year)
        return self._years[year]

    def _build(self, year: int) -> frozenset[date]:
        try:
            calendar = holidays.country_holidays(self._rule.country, subdiv=self._rule.subdivision, years=year)
        except NotImplementedError as error:
            raise SettingsInvalid(
                "POLICY_FILE holidays: there is no calendar for "
                f"{self._rule.country} {self._rule.subdivision or ''}".rstrip()
            ) from error
        return (frozenset(calendar) | frozenset(self._rule.extra)) - frozenset(self._rule.worked)
