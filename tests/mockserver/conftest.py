from collections.abc import AsyncIterator

import pytest

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
