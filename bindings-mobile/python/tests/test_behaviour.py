"""What clients of all platforms do: the scenarios of `tests/behaviour`."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import pathlib
import signal
import sys
from typing import Any

import pytest
from support.runner import Runner
from support.stage import SCENARIOS, Server, Stage

TESTS = pathlib.Path(__file__).parent
PACKAGE = TESTS.parent

_ALL = json.loads(SCENARIOS.read_text(encoding="utf-8"))["scenarios"]
_CASES = [
    pytest.param(kind, scenario, id=f"{kind}: {scenario['name']}")
    for scenario in _ALL
    for kind in scenario.get("servers", ["nexus", "node"])
]


@pytest.mark.parametrize(("kind", "scenario"), _CASES)
def test_scenario(stage: Stage, kind: str, scenario: Any) -> None:
    asyncio.run(_run(stage.port, kind, scenario))


async def _run(stage: int, kind: str, scenario: Any) -> None:
    server = await Server.start(stage, kind)
    try:
        phases = scenario["phases"]
        if len(phases) == 1:
            await Runner(server).run(phases[0])
        else:
            for number, phase in enumerate(phases):
                await _in_child(server, scenario["name"], number, phase)
    finally:
        await server.stop()


async def _in_child(server: Server, name: str, number: int, steps: Any) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "support.phase", json.dumps(dataclasses.asdict(server)), name, str(number)),
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _out, said = await asyncio.wait_for(child.communicate(), 90)
    finally:
        if child.returncode is None:
            child.kill()
    dies = any(step["do"] == "die" for step in steps)
    assert child.returncode == (-signal.SIGKILL if dies else 0), said.decode()
