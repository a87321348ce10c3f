"""The `extract` option of the thread search: parts of a thread, shown under names that the client chooses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mockserver.core.records import Thread
from mockserver.views import records

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]")


def extracted(thread: Thread, paths: Mapping[str, str]) -> records.Shown:
    """Return the value at each path (`values.messages[-1].content`), None where there is none.

    Without paths the result is empty, and the field `extracted` is absent.
    """
    if not paths:
        return {}
    shown = records.thread(thread)
    return {"extracted": {name: _at(shown, path) for name, path in paths.items()}}


def _at(found: Any, path: str) -> Any:
    for key, index in _STEP.findall(path):
        if key:
            found = found.get(key) if isinstance(found, dict) else None
        else:
            in_range = isinstance(found, list) and -len(found) <= int(index) < len(found)
            found = found[int(index)] if in_range else None
    return found
