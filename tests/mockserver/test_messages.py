from itertools import count
from typing import Any

import pytest

from mockserver.core.messages import REMOVE_ALL, coerce, coerce_all, merge, text_of
from mockserver.script.types import tokens


def ids() -> Any:
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


def serialized(name: str, **fields: Any) -> Any:
    """Return a message as `JSON.stringify` of LangChain.js writes it."""
    return {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", name], "kwargs": fields}


@pytest.mark.parametrize(
    "raw",
    [
        {"role": "user", "content": "x"},
        {"role": "human", "content": "x"},
        {"type": "human", "content": "x"},
        ["user", "x"],
        "x",
        serialized("HumanMessage", content="x"),
        serialized("HumanMessage", content="x", additional_kwargs={}, response_metadata={}),
        serialized("HumanMessageChunk", content="x", id=None),
        {**serialized("HumanMessage", content="x"), "id": ["langchain", "schema", "HumanMessage"]},
    ],
)
def test_the_spellings_of_a_human_message(raw: Any) -> None:
    assert coerce(raw, ids()) == {
        "content": "x",
        "additional_kwargs": {},
        "response_metadata": {},
        "type": "human",
        "name": None,
        "id": "id-1",
    }


def test_other_kinds_of_messages() -> None:
    call = {"name": "f", "args": {}, "id": "c"}
    spoken = coerce({"role": "assistant", "content": "", "tool_calls": [call]}, ids())
    assert (spoken["type"], spoken["tool_calls"]) == ("ai", [{**call, "type": "tool_call"}])
    result = coerce({"role": "tool", "content": "r", "tool_call_id": "c", "id": "mine"}, ids())
    assert (result["id"], result["tool_call_id"], result["status"]) == ("mine", "c", "success")
    assert coerce({"role": "developer", "content": "s"}, ids())["type"] == "system"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AIMessage", "ai"),
        ("AIMessageChunk", "ai"),
        ("SystemMessage", "system"),
        ("ToolMessage", "tool"),
        ("FunctionMessage", "function"),
        ("RemoveMessage", "remove"),
    ],
)
def test_every_class_of_serialized_messages_is_read(name: str, kind: str) -> None:
    read = coerce(serialized(name, content="x", id="mine"), ids())
    assert (read["type"], read["content"], read["id"]) == (kind, "x", "mine")


@pytest.mark.parametrize(
    "raw",
    [
        serialized("ChatMessage", content="x", role="user"),
        {**serialized("HumanMessage", content="x"), "lc": 2},
        {**serialized("HumanMessage", content="x"), "type": "not_implemented"},
        {**serialized("HumanMessage", content="x"), "id": []},
        {**serialized("HumanMessage", content="x"), "kwargs": None},
        serialized("HumanMessage", content_blocks=[]),
    ],
)
def test_what_is_no_serialized_message_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"[Mm]essage"):
        coerce(raw, ids())


def test_the_content_may_be_null_but_not_absent() -> None:
    assert coerce({"role": "user", "content": None}, ids())["content"] == ""
    with pytest.raises(ValueError, match="must contain 'role' and 'content'"):
        coerce({"role": "user"}, ids())


def test_unknown_fields_of_a_message_become_additional_ones() -> None:
    read = coerce({"role": "user", "content": "x", "cache": 1, "additional_kwargs": {"own": 2}}, ids())
    assert read["additional_kwargs"] == {"cache": 1, "own": 2}


@pytest.mark.parametrize("raw", [3, None, {}, {"role": "nobody"}, {"role": 3}, ["a"], {"role": "user", "content": 3}])
def test_what_is_not_a_message(raw: Any) -> None:
    with pytest.raises(ValueError, match="message"):
        coerce(raw, ids())


def test_a_single_message_is_a_list_of_one() -> None:
    assert coerce_all("x", ids()) == coerce_all(["x"], ids())


def test_the_channel_replaces_what_it_knows_and_appends_what_it_does_not() -> None:
    first, second = coerce_all(["a", "b"], ids())
    changed = {**first, "content": "A"}
    third = coerce({"role": "user", "content": "c", "id": "new"}, ids())
    assert merge([first, second], [third, changed]) == [changed, second, third]
    assert merge([first, second], [coerce({"type": "remove", "id": second["id"], "content": ""}, ids())]) == [first]
    assert merge([first, second], [coerce({"type": "remove", "id": REMOVE_ALL, "content": ""}, ids()), third]) == [
        third
    ]
    with pytest.raises(ValueError, match="doesn't exist"):
        merge([first], [coerce({"type": "remove", "id": "unknown", "content": ""}, ids())])


def test_a_long_conversation_replaces_what_it_knows() -> None:
    begun = coerce_all(["a", "b", "c", "d"], ids())
    fifth, sixth = ({"role": "user", "content": name, "id": name} for name in ("e", "f"))
    longer = merge(begun, coerce_all([fifth], ids()))
    # Two branches of one conversation, which share the ids that were ever in it.
    branches = [merge(longer, coerce_all([sixth], ids())) for _ in range(2)]
    assert [[text_of(one) for one in said] for said in (longer, *branches)] == [
        ["a", "b", "c", "d", "e"],
        ["a", "b", "c", "d", "e", "f"],
        ["a", "b", "c", "d", "e", "f"],
    ]
    changed = coerce_all([{**sixth, "content": "F"}, {**fifth, "content": "E"}], ids())
    assert [text_of(one) for one in merge(branches[1], changed)] == ["a", "b", "c", "d", "E", "F"]
    assert len(merge(longer, coerce_all([{"type": "remove", "id": "e", "content": ""}], ids()))) == 4


def test_the_text_of_a_message() -> None:
    blocks = ["weather ", {"type": "text", "text": "in "}, {"type": "image"}, {"type": "text", "text": "sf"}]
    assert text_of(coerce({"role": "user", "content": blocks}, ids())) == "weather in sf"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a b", ["a ", "b"]),
        ("  a\n\n* b  ", ["  a\n\n", "* ", "b  "]),
        ("one", ["one"]),
        ("", [""]),
        ("  ", ["  "]),
    ],
)
def test_tokens_keep_their_white_space(text: str, pieces: list[str]) -> None:
    assert tokens(text) == pieces
    assert "".join(pieces) == text
