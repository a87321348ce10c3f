"""React's `useStream` in a headless Chromium, on a page of another origin than the mock's."""

from __future__ import annotations

import pytest

from tests.clients.javascript import Node

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("sdk", ["current", "line-1"])]


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
