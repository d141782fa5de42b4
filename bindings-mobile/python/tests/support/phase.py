"""One phase of a scenario, in a process that may be killed: `python -m support.phase SERVER SCENARIO PHASE`."""

from __future__ import annotations

import asyncio
import json
import sys

from .runner import Runner
from .stage import SCENARIOS, Server


def main() -> None:
    server, name, phase = sys.argv[1:]
    scenarios = json.loads(SCENARIOS.read_text(encoding="utf-8"))["scenarios"]
    steps = next(scenario for scenario in scenarios if scenario["name"] == name)["phases"][int(phase)]
    runner = Runner(Server(**json.loads(server)))
    asyncio.run(runner.run(steps))


main()
