"""React's `useStream` in a headless Chromium, on a page of another origin than the mock's.

The hook of the SDK uses the run endpoints. The current one, of `@langchain/react`, uses the newer streaming protocol.
"""

from __future__ import annotations

import pytest

from tests.clients.javascript import Node

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("sdk", ["current", "line-1"])
def test_use_stream(browser_node: Node, chromium: str, url: str, sdk: str) -> None:
    found = browser_node.play("use_stream", sdk, url, CHROMIUM=chromium)
    submitted = found.pop("submitted")
    assert submitted.pop("last").startswith("The search results give")
    assert submitted == {"error": None, "statuses": ["success"]}
    assert found == {
        "enqueue": {
            "errors": [None, None],
            "second": "HATAHATA",
            "statuses": ["success", "success"],
            "state": "HATAHATA",
        },
        "reject": {"errors": [None, "HTTP 409"], "second": "", "statuses": ["success"], "state": "HATA"},
        "interrupt": {
            "errors": [None, None],
            "second": "HAHATA",
            "statuses": ["interrupted", "success"],
            "state": "HAHATA",
        },
        "rollback": {"errors": [None, None], "second": "HATA", "statuses": ["success"], "state": "HATA"},
        # Line 1 joins a read to an equal one in flight, which was sent before the run was over.
        "joinedReads": {"whole": sdk == "current", "state": "HAHATA"},
        "stopped": {"error": None, "statuses": ["interrupted"], "state": "HA"},
        "cancelled": {"statuses": ["interrupted"], "state": "HA"},
        "reloaded": {"error": None, "statuses": ["success"], "state": "HATA"},
        "joined": {"statuses": ["success"]},
        "resumed": {
            "question": {"question": "Go on?", "step": "tools:1"},
            "error": None,
            "statuses": ["success", "success"],
        },
    }


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_the_use_stream_of_langchain_react(frontends_node: Node, chromium: str, url: str, transport: str) -> None:
    found = frontends_node.play("react", "current", url, CHROMIUM=chromium, TRANSPORT=transport)
    submitted = found.pop("submitted")
    assert submitted.pop("last").startswith("The search results give")
    assert submitted == {"error": None, "tools": "finished", "statuses": ["success"]}
    stopped = {"error": None, "statuses": ["interrupted", "success"], "state": "HAHATA"}
    assert found == {
        # The hook keeps a text to itself until the run is over, or refuses it: that strategy never leaves the browser.
        "enqueue": {
            "error": None,
            "statuses": ["success", "success"],
            "state": "HATAHATA",
            "sent": ["none", "none"],
        },
        "reject": {"error": None, "statuses": ["success"], "state": "HATA", "sent": ["none"]},
        "interrupt": {**stopped, "sent": ["none", "interrupt"]},
        "rollback": {"error": None, "statuses": ["success"], "state": "HATA", "sent": ["none", "rollback"]},
        "stopped": {"error": None, "statuses": ["interrupted"], "state": "HA"},
        "reloaded": {"errors": [None, None], "statuses": ["success"], "state": "HATA"},
        "resumed": {"error": None, "statuses": ["success", "success"]},
    }


def test_the_runtime_of_assistant_ui(frontends_node: Node, chromium: str, url: str) -> None:
    found = frontends_node.play("assistant", "current", url, CHROMIUM=chromium)
    submitted = found.pop("submitted")
    assert submitted.pop("last").startswith("The search results give")
    # It shows the tool's answer as a part of the assistant's message.
    assert submitted == {"error": None, "said": "UA", "statuses": ["success"], "state": "HATA"}
    assert found == {
        "stopped": {"statuses": ["interrupted"], "state": "HA"},
        "twice": {"statuses": ["success", "success"], "state": "HATAHATA"},
        "resumed": {"statuses": ["success", "success"], "state": "HATA"},
    }
