"""Errors are problem+json without secrets; the operators' pages tell what is wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import APIRouter

from shared.errors import BusUnavailable, DatabaseUnavailable
from shared.http import build_app
from shared.loops import PollLoop
from shared.service import Service

pytestmark = pytest.mark.asyncio

router = APIRouter()


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError("a comment's words")


@router.get("/away")
async def away() -> None:
    raise BusUnavailable("the bus did not confirm")


@router.get("/number/{value}")
async def number(value: int) -> int:
    return value


@asynccontextmanager
async def client(*services: Service) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(build_app(services), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as found:
        yield found


async def test_a_bug_is_a_problem_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async with client(Service("test", routers=[router])) as web:
        answer = await web.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "bug"
    assert "words" not in answer.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_passing_fault_says_when_to_try_again() -> None:
    async with client(Service("test", routers=[router])) as web:
        answer = await web.get("/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["reason"] == "unavailable"


async def test_unknown_paths_wrong_methods_and_wrong_values_are_problems() -> None:
    async with client(Service("test", routers=[router])) as web:
        answers = [await web.get("/none"), await web.post("/broken"), await web.get("/number/secret")]
    assert [answer.status_code for answer in answers] == [404, 405, 422]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert [answer.json()["reason"] for answer in answers] == ["not_found", "method_not_allowed", "invalid"]
    assert "secret" not in answers[2].text


async def test_readiness_names_what_is_wrong_and_health_does_not_depend_on_it() -> None:
    async def good() -> None:
        return None

    async def bad() -> None:
        raise DatabaseUnavailable("the database did not answer")

    async def step() -> int:
        return 0

    loop = PollLoop("test.loop", step)
    loop._failures = 5
    service = Service("test", loops=[loop], checks={"good": good, "bad": bad})
    async with client(service) as web:
        answer = await web.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == {
            "test.bad": "the database did not answer",
            "test.loop": "test.loop has failed 5 times in a row",
        }
        assert (await web.get("/healthz")).json() == {"status": "ok"}
        assert "moderation_ready 0.0" in (await web.get("/metrics")).text
    async with client(Service("test", checks={"good": good})) as web:
        assert (await web.get("/readyz")).json() == {"ready": True, "services": ["test"], "problems": {}}
        assert "moderation_ready 1.0" in (await web.get("/metrics")).text
