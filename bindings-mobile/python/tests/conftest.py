from typing import Iterator

import pytest
from support.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Servers for the tests."""
    running = Stage()
    yield running
    running.stop()
