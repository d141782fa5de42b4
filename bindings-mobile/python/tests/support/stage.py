"""The stage of `tests/behaviour`: servers, and a network before each."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
import os
import pathlib
import subprocess
from typing import Any, Optional

ROOT = pathlib.Path(__file__).resolve().parents[4]
SCENARIOS = ROOT / "tests" / "behaviour" / "scenarios.json"


class StageError(Exception):
    """What the stage was asked for failed."""


class Stage:
    """One that runs already (`NEXUS_STAGE`), or one of our own, which ends with us."""

    def __init__(self) -> None:
        self._process: Optional["subprocess.Popen[bytes]"] = None
        running = os.environ.get("NEXUS_STAGE")
        if running:
            self.port = int(running)
            return
        program = os.environ.get("NEXUS_BEHAVIOUR_STAGE") or ROOT / "target" / "debug" / "behaviour-stage"
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        self.port = json.loads(self._process.stdout.readline())["port"]

    def stop(self) -> None:
        if self._process:
            self._process.communicate()


@dataclasses.dataclass(frozen=True)
class Server:
    """A server of the stage."""

    stage: int
    id: int
    kind: str
    url: str
    store: str

    @staticmethod
    async def start(stage: int, kind: str) -> "Server":
        said = await ask(stage, "POST", "/servers", {"kind": kind})
        return Server(stage, said["id"], kind, said["url"], said["store"])

    async def do(self, step: Any) -> Any:
        return await ask(self.stage, "POST", f"/servers/{self.id}/do", step)

    async def stop(self) -> None:
        await ask(self.stage, "DELETE", f"/servers/{self.id}")


async def ask(stage: int, method: str, target: str, body: Any = None) -> Any:
    return await asyncio.to_thread(_ask, stage, method, target, body)


def _ask(stage: int, method: str, target: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", stage, timeout=120)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, target, text, {"content-type": "application/json"})
        response = connection.getresponse()
        said = response.read().decode()
    finally:
        connection.close()
    if response.status >= 300:
        raise StageError(f"{method} {target}: {response.status} {said}")
    return json.loads(said) if said.strip() else None
