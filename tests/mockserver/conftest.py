from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from mockserver.script.load import built_in
from mockserver.script.shapes import OPTIONAL
from tests.mockserver.protocol import Protocol
from tests.mockserver.stage import Stage, on_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as found:
        yield found


@pytest.fixture
async def strict() -> AsyncIterator[Stage]:
    """A deployment that refuses what others ignore."""
    async with on_stage(strict=True) as found:
        yield found


@pytest.fixture
def protocol(stage: Stage) -> Protocol:
    return Protocol(stage)


@pytest.fixture
async def reported() -> AsyncIterator[Protocol]:
    """Return the protocol on a deployment that reports on every channel."""
    async with on_stage(script=structs.replace(built_in(), protocol_channels=tuple(OPTIONAL))) as stage:
        yield Protocol(stage)
