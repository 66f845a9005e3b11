"""Loops that drive rows: at once while there is work, patient with passing faults, ended by bugs."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Transient
from shared.loops import PollLoop

pytestmark = pytest.mark.asyncio


async def run_until(loop: PollLoop, done: asyncio.Event) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    async with asyncio.timeout(5):
        await done.wait()
        stop.set()
        await task


async def test_work_is_done_without_a_pause_and_a_nudge_wakes_it() -> None:
    found, done, seen = [3, 2, 1, 0, 0], asyncio.Event(), []

    async def step() -> int:
        value = found.pop(0)
        seen.append(value)
        if seen == [3, 2, 1, 0]:
            asyncio.get_running_loop().call_later(0.01, loop.nudge)
        if not found:
            done.set()
        return value

    loop = PollLoop("test.loop", step, idle_seconds=3600)
    await run_until(loop, done)
    assert seen == [3, 2, 1, 0, 0]


async def test_passing_faults_are_waited_out_and_told_after_five() -> None:
    problems, done = [], asyncio.Event()

    async def step() -> int:
        problems.append(loop.problem())
        if len(problems) == 7:
            done.set()
            return 0
        raise Transient("away")

    loop = PollLoop("test.loop", step, max_backoff_seconds=0.01)
    await run_until(loop, done)
    assert problems[:5] == [None] * 5
    assert problems[5] == "test.loop has failed 5 times in a row"
    assert loop.problem() is None


async def test_a_bug_ends_the_loop() -> None:
    async def step() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await PollLoop("test.loop", step).run(asyncio.Event())


async def test_a_stop_while_idle_ends_it() -> None:
    async def step() -> int:
        idle.set()
        return 0

    idle, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(PollLoop("test.loop", step, idle_seconds=3600).run(stop))
    await idle.wait()
    stop.set()
    async with asyncio.timeout(5):
        await task
