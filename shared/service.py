"""
What a service is given and what it returns: the seam between `shared/runtime.py` and the four `build` functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import httpx2
from fastapi import APIRouter
from starlette.routing import BaseRoute

from shared.bus import Bus
from shared.db import Database
from shared.directory import Directory
from shared.policy import Policy
from shared.settings import SystemSettings

Clock = Callable[[], datetime]
"""Gives the present moment, aware and UTC."""


@dataclass(frozen=True)
class Resources:
    """What every service shares in one process. Opened and closed by the runtime."""

    bus: Bus
    db: Database
    directory: Directory
    policy: Policy
    http: httpx2.AsyncClient
    now: Clock
    settings: SystemSettings


class Loop(Protocol):
    """Something that runs until it is told to stop. One that ends before, or raises, takes the process down."""

    @property
    def name(self) -> str:
        """``service.what_it_does``, for logs, metrics and tasks."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish what was begun and return."""
        ...

    def problem(self) -> str | None:
        """A sentence that says why this loop makes the process not ready, or None."""
        ...


Check = Callable[[], Awaitable[None]]
"""Returns when a dependency answers, and raises `ModerationError` otherwise."""


@dataclass(frozen=True)
class Service:
    """One service, wired: its routes, its loops and what its readiness depends on."""

    name: str
    routers: Sequence[APIRouter] = ()
    routes: Sequence[BaseRoute] = ()
    loops: Sequence[Loop] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    """What ``/readyz`` says without turning red: a sentence by name, such as that nobody is on call."""
    close: Callable[[], Awaitable[None]] | None = None


Build = Callable[[Resources], Awaitable[Service]]
