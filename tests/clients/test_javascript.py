"""The JavaScript SDK, current and older, against the mock: everything it can call that the mock serves."""

from __future__ import annotations

import pytest

from tests.clients.javascript import SDKS, Node

GO_ON = {"question": "Go on?", "step": "tools:1"}

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("sdk", SDKS)]


def test_assistants_and_threads(node: Node, url: str, sdk: str) -> None:
    found = node.play("assistants_and_threads", sdk, url)
    assert found["assistants"] == {
        "got": "agent",
        "none": [],
        "edges": [
            *("__start__-agent", "agent-__end__"),
            *("agent-audit", "agent-research:search", "agent-tools"),
            *("audit-agent", "research:quote-agent", "tools-agent"),
            "research:search-research:quote",
        ],
        "state": ["messages", "steps"],
        "subgraphs": ["research"],
        "versions": [1],
        "count": 1,
    }
    taken = found["threads"].pop("taken")
    assert taken.startswith("409 ")
    assert found["threads"] == {
        "keepsId": True,
        "again": {"mine": True, "graph_id": "agent"},
        "patched": {"mine": True, "graph_id": "agent", "more": 1},
        "found": 1,
        "selected": [["thread_id"]],
        "empty": {},
    }
    refused, deleted = found["states"].pop("refused"), found["states"].pop("deleted")
    assert (refused[:3], deleted[:3]) == ("422", "404")
    assert found["states"] == {
        "history": ["HATA", "HAT", "HA", "H", ""],
        "before": ["H", ""],
        "byMetadata": 1,
        "ofSubgraph": [],
        "byId": "HA",
        "byCheckpoint": "HA",
        "written": True,
        "updated": "HATAA",
        "copied": "HATAA",
    }


def test_runs(node: Node, url: str, sdk: str) -> None:
    found = node.play("runs", sdk, url)
    refused = {name: found.pop(name) for name in ("tooLate", "unknownThread", "deleted", "unknownMode", "failed")}
    assert {name: text.partition(" ")[0] for name, text in refused.items()} == {
        "tooLate": "404",
        "unknownThread": "404",
        "deleted": "404",
        "unknownMode": "422",
        "failed": "undefined",
    }
    assert "ProbeError: probe failure at tools:1" in refused["failed"]
    assert "'tools'" in refused["unknownMode"]
    last = found.pop("failedStream")
    assert (last["event"], last["data"]["error"]) == ("error", "ProbeError")
    assert found.pop("failure")["error"] == "ProbeError"
    assert found.pop("modes") == {
        "values": ["metadata", "values"],
        "updates": ["metadata", "updates"],
        "messages-tuple": ["metadata", "messages"],
        "messages": [
            "metadata",
            *("messages/metadata", "messages/partial", "messages/metadata", "messages/complete"),
            *("messages/metadata", "messages/partial"),
        ],
        "custom": ["metadata"],
        "": ["metadata", "values"],
        "values,messages-tuple,updates": [
            *("metadata", "values", "messages", "updates", "values", "messages", "updates", "values"),
            *("messages", "updates", "values"),
        ],
    }
    assert found == {
        "announced": True,
        "joined": "HATA",
        "got": ["success", 1],
        "listed": 1,
        "selected": [["run_id", "status"]],
        "nothingLeft": [],
        "waited": "HATAHATA",
        "createsThread": ["A/agent:1", "A/tools:1", "A/agent:2"],
        "stateless": {
            "waited": "HATA",
            "streamed": ["metadata", "values"],
            "created": "pending",
            "batch": ["pending", "pending"],
        },
        "cancelled": {
            "status": "interrupted",
            "joined": "HA",
            "watched": ["metadata", "updates"],
            "replayed": ["metadata", "values", "updates", "values"],
        },
    }


def test_the_store_and_assistants_of_its_own(node: Node, url: str, sdk: str) -> None:
    assert node.play("store_and_assistants", sdk, url) == {
        "item": {"food": "soup"},
        "searched": [["users", "bob"]],
        "namespaces": [["users", "ann"], ["users", "bob"]],
        "gone": None,
        "versions": [1, 2],
        "listed": ["Bee 2", "Bee"],
        "latest": "Bee",
        "search": 1,
        "left": 1,
    }


def test_double_texting(node: Node, url: str, sdk: str) -> None:
    assert node.play("double_texting", sdk, url) == {
        "enqueue": {
            "first": "success",
            "second": "success",
            "said": "HATAHATA",
            "watched": ["agent", "tools", "agent"],
            "thread": "idle",
        },
        "reject": {"refused": "409", "said": "HATA"},
        "interrupt": {
            "first": "interrupted",
            "second": "success",
            "said": "HAHATA",
            "watched": ["agent"],
            "thread": "idle",
        },
        "rollback": {"first": 404, "second": "success", "said": "HATA", "watched": ["agent"], "thread": "idle"},
    }


def test_a_human_in_the_loop(node: Node, url: str, sdk: str) -> None:
    assert node.play("human_in_the_loop", sdk, url) == {
        "asked": [GO_ON],
        "status": "interrupted",
        "next": ["tools"],
        "task": [GO_ON],
        "resumed": "HATA",
        "edited": ["A/agent:1", "by hand", "A/tools:1", "A/agent:2"],
        "inputBeside": ["metadata", "updates"],
        "breakpoint": {"__interrupt__": []},
        "goesOn": ["tools", "agent"],
    }
