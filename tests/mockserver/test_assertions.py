"""Assertions about requests: none, so many, at least, in order, and the values that they match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints
from unittest.mock import ANY

import httpx
import msgspec
import pytest

from mockserver import Including, MockDeployment, RequestPattern
from mockserver.control import matchers
from mockserver.control.errors import UsageError
from mockserver.control.matchers import OWN, BodyFields, Matchers
from mockserver.schemas.common import RunRequest
from mockserver.schemas.threads import ThreadCreate
from mockserver.web.journal import JournalEntry
from mockserver.web.routes import ROUTES
from tests.mockserver.stage import asking


@pytest.fixture
def mock() -> Iterator[MockDeployment]:
    with MockDeployment() as started, httpx.Client(base_url=started.url, headers={"X-Api-Key": "k"}) as http:
        thread = http.post("/threads", json={"metadata": {"team": "blue", "n": 1}}).json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf"), "multitask_strategy": "reject"}
        http.post(f"/threads/{thread}/runs/wait", json=body)
        http.get(f"/threads/{thread}/state", params={"subgraphs": "true"})
        yield started


def test_how_often(mock: MockDeployment) -> None:
    assert mock.assert_requested("POST", times=2).path.endswith("/runs/wait")
    mock.assert_requested("POST", at_least=1)
    assert mock.assert_requested("DELETE", times=0) is None
    mock.assert_not_requested("POST", "*/cancel")
    for wrong, says in (
        (lambda: mock.assert_requested("POST", at_least=3), "expected at least 3 matching requests, received 2"),
        (lambda: mock.assert_requested("POST", times=0), "expected 0 matching requests, received 2"),
        (lambda: mock.assert_not_requested("POST", "/threads"), "expected 0 matching requests, received 1"),
    ):
        with pytest.raises(AssertionError, match=says):
            wrong()
    for given in ({"times": -1}, {"times": True}, {"at_least": 0}, {"times": 1, "at_least": 1}):
        with pytest.raises(UsageError):
            mock.assert_requested("POST", **given)


def test_in_which_order(mock: MockDeployment) -> None:
    mock.assert_requested_in_order("POST /threads", "GET */state")
    mock.assert_requested_in_order("POST *", RequestPattern("POST", "*/runs/wait", strategy="reject"), "GET *")
    with pytest.raises(AssertionError) as caught:
        mock.assert_requested_in_order("GET */state", "POST */runs/wait")
    text = str(caught.value)
    assert text.startswith(
        "request 2 of 2, POST */runs/wait, was not received after request 3. It was received before: 2"
    )
    assert len(text.splitlines()) == 4
    # One request cannot be two.
    with pytest.raises(AssertionError, match="request 2 of 2"):
        mock.assert_requested_in_order("POST /threads", "POST /threads")
    for wrong in (["POST"], ["POST /threads", "POST"], ["POST /threads", 1]):
        with pytest.raises(UsageError):
            mock.assert_requested_in_order(*wrong)


def test_what_a_request_matches(mock: MockDeployment) -> None:
    mock.assert_requested("POST", headers={"x-api-key": "k"}, times=2)
    mock.assert_requested("POST", headers={"X-API-Key": ANY}, times=2)
    mock.assert_requested("GET", "*/state", query={"subgraphs": "true"}, body=None)
    mock.assert_requested("POST", "/threads", body={"metadata": {"team": "blue", "n": 1}})
    mock.assert_requested("POST", body=Including({"metadata": {"team": "bl"}}), times=1)
    mock.assert_requested("POST", input=Including({"messages": [{"content": "sf"}]}), assistant_id=ANY, times=1)
    with pytest.raises(AssertionError, match=r'headers={"x-api-key":"z"}(.*\n)*.*headers {"x-api-key":"k"}'):
        mock.assert_requested("POST", headers={"x-api-key": "z"})
    with pytest.raises(AssertionError, match=r"body=Including\({\"metadata\":{\"team\":\"red\"}}\)"):
        mock.assert_requested("POST", body=Including({"metadata": {"team": "red"}}))


@pytest.mark.parametrize(
    ("part", "whole", "equal"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": None}, {}, False),
        ({"a": {"b": [1]}}, {"a": {"b": [0, 1], "c": 2}}, True),
        ([{"a": 1}], [{"b": 1}, {"a": 1, "b": 1}], True),
        ([1, 2], [2, 1], True),
        ([3], [1], False),
        ("b", "abc", True),
        ("b", None, False),
        (1, 1, True),
        ({"a": 1}, [1], False),
    ],
)
def test_a_part_of_a_value(part: Any, whole: Any, equal: bool) -> None:
    assert (Including(part) == whole) is equal


def test_every_field_of_a_body_and_of_an_entry_has_a_matcher() -> None:
    fields: set[str] = set()

    def collect(body: Any) -> None:
        if isinstance(body, type) and issubclass(body, msgspec.Struct):
            fields.update(body.__struct_fields__)
        for one in get_args(body):
            collect(one)

    for route in ROUTES:
        collect(route.body)
    # Of the newer protocol, whose method is `protocol`, and of JavaScript's second spelling.
    known = {*Matchers.__annotations__, "method", "camel_case", "channels", "namespaces", "depth"}
    assert fields - known == set()
    assert set(OWN) <= {*dir(JournalEntry), *JournalEntry.__annotations__}
    assert not set(OWN) & BodyFields.__annotations__.keys()


def test_a_path_that_was_requested_may_be_matched_although_the_api_does_not_have_it(mock: MockDeployment) -> None:
    with pytest.raises(UsageError, match="no path of the API matches `/login`"):
        mock.assert_not_requested("POST", "/login")
    httpx.post(f"{mock.url}/login")
    assert mock.assert_requested("POST", "/login").status == 404


def test_the_words_of_fields_are_those_of_the_types() -> None:
    types = get_type_hints(RunRequest) | {"if_exists": get_type_hints(ThreadCreate)["if_exists"]}
    for name, known in matchers.VALUES.items():
        words = {
            word for one in (types[name], *get_args(types[name])) for word in get_args(one) if isinstance(word, str)
        }
        assert set(known) == words, name
