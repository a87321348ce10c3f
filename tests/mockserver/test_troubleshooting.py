"""The messages of the mock in the documentation's troubleshooting: each is one that the mock still has."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Final

import httpx
import pytest

from mockserver import MockDeployment
from tests.documentation import read

PAGE: Final = "docs/troubleshooting.md"
NO_TURN: Final = "turns: [{when: {text: bye}, steps: [{say: a}]}]"


def posted(mock: MockDeployment, path: str, body: object) -> str:
    """Return the text of an answer."""
    return httpx.post(f"{mock.url}{path}", json=body).text


def failed(mock: MockDeployment) -> None:
    mock.load_script("turns: [{steps: [{error: the model is gone}]}]")
    thread = httpx.post(f"{mock.url}/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "agent", "input": {"messages": "hello"}}
    run = httpx.post(f"{mock.url}/threads/{thread}/runs", json=body).json()["run_id"]
    mock.wait_until_quiet()
    mock.wait_for_status("success", thread, run)


def unmatched(mock: MockDeployment) -> str:
    mock.load_script(NO_TURN)
    return posted(mock, "/runs/wait", {"assistant_id": "agent", "input": {"messages": "hello"}})


async def blocking(mock: MockDeployment) -> None:
    mock.wait_until_quiet()


def not_awaited(mock: MockDeployment) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Dropped at once, so that the interpreter warns here.
        mock.aio.hold("agent:1/enter")  # type: ignore[unused-coroutine]
    return str(caught[0].message)


def never_held(mock: MockDeployment) -> None:
    mock.hold("agent:1/enter")
    mock.wait_until_held("agent:1/enter", deadline=0.01)


def real(mock: MockDeployment) -> float:
    mock.set_time("real")
    return mock.advance(1)


ACTS: Final[dict[str, Callable[[MockDeployment], object]]] = {
    "none was received. Does the client use the URL of this deployment?": lambda mock: mock.assert_requested("POST"),
    "no run will be held at": lambda mock: mock.wait_until_held("agent:1/enter"),
    "no run is held at": never_held,
    "will never have": failed,
    "If a script has it, load the script first": lambda mock: mock.hold("mine:1/enter"),
    "no turn of the script matches the message": unmatched,
    "would block its event loop": lambda mock: asyncio.run(blocking(mock)),
    "was never awaited": not_awaited,
    "real time cannot be advanced": real,
    "begins with two slashes": lambda mock: posted(mock, "//threads", {}),
    "Invalid assistant": lambda mock: posted(mock, "/runs", {"assistant_id": "agnet"}),
    "not milliseconds": lambda mock: mock.wait_until_quiet(deadline=5000),
}


def test_the_page_lists_these_messages() -> None:
    table = read(PAGE).partition("## Messages of the mock")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows[2:] == list(ACTS)


@pytest.mark.parametrize("message", ACTS)
def test_the_mock_has_the_message(message: str) -> None:
    with MockDeployment() as mock:
        try:
            text = str(ACTS[message](mock))
        except Exception as error:  # noqa: BLE001 - the kinds differ, and the message counts
            text = str(error)
    assert message in text
