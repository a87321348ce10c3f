"""Input of every shape that JSON allows: a run fails in words, a state update is refused, and the thread is usable."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.core import messages
from mockserver.script.load import parse
from tests.mockserver.stage import asking, on_stage

FIELDS = (
    *(
        "role",
        "type",
        "content",
        "id",
        "name",
        "additional_kwargs",
        "response_metadata",
        "usage_metadata",
        "tool_calls",
    ),
    *("invalid_tool_calls", "tool_call_id", "status", "artifact", "text", "args", "other"),
)
WORDS = ("human", "user", "ai", "assistant", "system", "developer", "tool", "remove", "text", "success", "")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from(WORDS)
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
)
MESSAGE = st.builds(
    lambda fields, role, content: {**fields, "role": role, "content": content},
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    st.sampled_from(WORDS),
    JSON,
)


@given(raw=JSON | MESSAGE | st.lists(MESSAGE, max_size=3))
def test_what_is_not_a_message_is_refused_in_words(raw: Any) -> None:
    numbers = count()
    try:
        said = messages.coerce_all(raw, lambda: f"new-{next(numbers)}")
        merged = messages.merge([], said)
    except ValueError:
        # Any other exception fails the test.
        return
    for message in merged:
        assert isinstance(message["id"], str)
        assert isinstance(messages.text_of(message), str)


WRONG = {
    "a list of lists": {"content": [[["x"]]]},
    "a number in the content": {"content": ["a", 1]},
    "a text block without text": {"content": [{"type": "text", "text": {"x": 1}}]},
    "an id that is an object": {"content": "x", "id": {"a": 1}},
    "an id that is true": {"content": "x", "id": True},
    "a name that is a list": {"content": "x", "name": ["a"]},
    "tool calls that are text": {"role": "ai", "content": "x", "tool_calls": "search"},
    "a tool call without arguments": {"role": "ai", "content": "x", "tool_calls": [{"name": "search"}]},
    "a tool call with a number as its id": {
        "role": "ai",
        "content": "",
        "tool_calls": [{"name": "a", "args": {}, "id": 1}],
    },
    "an unknown status": {"role": "tool", "content": "x", "tool_call_id": "1", "status": "fine"},
    "keywords that are a list": {"content": "x", "additional_kwargs": [1]},
}


@pytest.mark.parametrize("message", WRONG.values(), ids=WRONG)
async def test_a_message_of_another_shape_fails_its_run_in_words(message: dict[str, Any]) -> None:
    async with on_stage() as stage:
        path, wrong = f"/threads/{stage.thread}", {"messages": [{"role": "user", **message}]}
        ended = (await stage.http.post(f"{path}/runs/wait", json={"assistant_id": "agent", "input": wrong})).json()
        error = ended.get("__error__")
        if error is not None:
            assert error["error"] == "ValueError"
            assert "of a message must be" in error["message"]
        refused = await stage.http.post(f"{path}/state", json={"values": wrong})
        assert refused.status_code in (200, 400, 422)
        body = {"assistant_id": "agent", "input": asking("sf")}
        assert "__error__" not in (await stage.http.post(f"{path}/runs/wait", json=body)).json()


async def test_ids_that_are_numbers_are_text_as_in_langchain() -> None:
    async with on_stage() as stage:
        said = {"messages": [{"role": "user", "content": "sf", "id": 7}]}
        body = {"assistant_id": "agent", "input": said}
        ended = (await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)).json()
    assert ended["messages"][0]["id"] == "7"


@pytest.mark.parametrize("reducer", ["append", "merge", "replace"])
@pytest.mark.parametrize("value", [None, 1, "x", [1], {"a": 1}, [[]], True])
async def test_a_channel_takes_up_what_it_can_and_refuses_the_rest_in_words(reducer: str, value: Any) -> None:
    script = parse(f"channels: {{notes: {reducer}}}\nturns: [{{steps: [{{say: hi}}]}}]")
    async with on_stage(script=script) as stage:
        path = f"/threads/{stage.thread}"
        for given_now in ([1], {"b": 2}, value):
            await stage.http.post(f"{path}/state", json={"values": {"notes": given_now}})
            values = {"messages": "x", "notes": given_now}
            ended = await stage.http.post(f"{path}/runs/wait", json={"assistant_id": "agent", "input": values})
            error = ended.json().get("__error__", {"error": "InvalidUpdateError"})
            assert error["error"] in ("InvalidUpdateError", "ValueError")
            assert (await stage.http.get(f"{path}/state")).status_code == 200


async def test_a_body_that_is_nested_without_end_is_refused_and_the_journal_stays_readable() -> None:
    nested = '{"a":' * 5000
    async with on_stage() as stage:
        for path in ("/threads", "/runs", f"/threads/{stage.thread}/runs/wait"):
            answer = await stage.http.post(path, content=nested, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422
        assert (await stage.http.get("/_mock/journal")).status_code == 200
        assert (await stage.http.get("/_mock/conduct")).status_code == 200


async def test_an_offset_beyond_every_list_is_an_empty_page_or_refused() -> None:
    async with on_stage() as stage:
        for offset, status in ((2**53, 200), (2**63, 422)):
            body = {"offset": offset, "namespace_prefix": []}
            assert (await stage.http.post("/store/items/search", json=body)).status_code == status
            assert (await stage.http.post("/threads/search", json={"offset": offset})).status_code == status
