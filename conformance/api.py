"""The vocabulary of the Agent Server API, and the purposes of this suite's requests.

The driver and the judge share this module. It knows no scenario and no transcript. Its functions accept JSON of any
shape, because a deployment may answer anything, and raise no exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

# -- statuses (source: the published API description, schemas `Run` and `Thread`) ------------------------------------

IN_FLIGHT: Final = frozenset({"pending", "running"})
TERMINAL: Final = frozenset({"success", "error", "timeout", "interrupted"})
RUN_STATUSES: Final = IN_FLIGHT | TERMINAL
THREAD_STATUSES: Final = frozenset({"idle", "busy", "interrupted", "error"})

LAG: Final = 0.25
"""Seconds for which two records of one change, such as a run and its thread, may differ.

A deployment may write them one after the other. Some 20 ms were seen, which a client cannot distinguish from a slow
answer.
"""

GONE: Final = "gone"
"""The status that the suite assigns to a run for which the deployment returns 404."""

# -- the purposes of requests ----------------------------------------------------------------------------------------

Purpose = Literal[
    "info",
    "sign of life",
    "create thread",
    "submit",
    "submit again",
    "watch",
    "watch again",
    "join",
    "find run",
    "find run again",
    "cancel",
    "cancel many",
    "batch",
    "delete",
    "delete again",
    "create again",
    "create together",
    "copy thread",
    "change thread",
    "page",
    "preflight",
    "update state",
    "ask",
    "create cron",
    "cron runs",
    "list crons",
    "delete cron",
    "tidy up",
    "look",
    "list runs",
    "list runs again",
    "search threads",
    "list history",
    "copied history",
    "state at",
    "state with children",
    "list threads",
    "count threads",
    "filter crons",
    "count crons",
    "await state",
    "mid state",
    "mid history",
    "mid child history",
    "final thread",
    "final state",
    "final history",
    "final child history",
    "final runs",
    "final runs again",
    "final run",
]
"""The reason for a request. A transcript stores it as text, so that records of other versions can be read."""

Need = Literal[
    "stream_mode", "after_seconds", "defaults", "metadata", "assistant", "limit", "redirect", "retry", "delete"
]
"""A part of a request that the suite needs beside the subject of a scenario, and can do without if it is refused."""

When = Literal["mid", "final"]
"""The time of a reading: in the middle of a scenario, or at its end."""


class StateReading(NamedTuple):
    """The purposes of the requests that read a thread's state and histories."""

    state: Purpose
    history: Purpose
    child_history: Purpose


READINGS: Final[Mapping[When, StateReading]] = {
    "mid": StateReading("mid state", "mid history", "mid child history"),
    "final": StateReading("final state", "final history", "final child history"),
}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a JSON list. Anything else in it is left out, and a value that is not a list has none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def namesake(value: Any, name: str, depth: int = 2) -> str | None:
    """Return the path to a field of the same name elsewhere in an object, in another spelling or in an inner object.

    It helps a user whose server puts an object into an envelope, or names its fields in camel case.
    """
    if not isinstance(value, dict):
        return None
    for key in value:
        if key != name and _plain(key) == _plain(name):
            return str(key)
    for key, inner in value.items() if depth else ():
        if isinstance(inner, dict):
            found = name if name in inner else namesake(inner, name, depth - 1)
            if found is not None:
                return f"{key}.{found}"
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def again(purpose: str) -> str:
    """Return the purpose of a request that the official client sends by itself, for example after a cut stream."""
    return f"{purpose} again"


# -- ids in responses --------------------------------------------------------------------------------------------------

LABEL_KEY: Final = "doubletext_label"
"""The key in a run's metadata under which the driver puts the run's label."""


def run_id(body: object, headers: Mapping[str, str]) -> str | None:
    """Return the id of the created run from the response's body, or else from its Content-Location."""
    found = _text_at(body, "run_id")
    return found or _in_location(headers, r".*/runs/([^/?]+)")


def made_run(status: int, headers: Mapping[str, str]) -> bool:
    """Return whether the answer to a creation shows that the run was created: by its status, or as a failed run.

    A `wait` may be answered with a 5xx status because its run failed. Its Content-Location then names the run. A 4xx
    status refuses the request, and may name the run in conflict.
    """
    return 200 <= status < 300 or (status >= 500 and _in_location(headers, r".*/runs/([^/?]+)") is not None)


def thread_id(body: object, headers: Mapping[str, str]) -> str | None:
    """Return the id of a run's thread from the response's body, or else from its Content-Location."""
    found = _text_at(body, "thread_id")
    return found or _in_location(headers, r"/threads/([^/]+)/runs/")


def streamed_run_id(event: str, data: object) -> str | None:
    """Return the run's id from a stream's `metadata` event. Return None for any other event."""
    return _text_at(data, "run_id") if event == "metadata" else None


def listed_run(runs: object, label: str) -> str | None:
    """Return the id of run `label` in a list of runs, by the label in its metadata."""
    for run in runs if isinstance(runs, list) else ():
        metadata = run.get("metadata") if isinstance(run, dict) else None
        if isinstance(metadata, dict) and metadata.get(LABEL_KEY) == label:
            return _text_at(run, "run_id")
    return None


def checkpoint_id(entry: Mapping[str, Any], prefix: Literal["", "parent_"] = "") -> str | None:
    """Return the id from `checkpoint.checkpoint_id`, or else from the older flat field."""
    # Older servers and some others send only the flat `checkpoint_id` or `parent_checkpoint_id`.
    checkpoint = entry.get(f"{prefix}checkpoint")
    nested = checkpoint.get("checkpoint_id") if isinstance(checkpoint, dict) else None
    return _text(nested or entry.get(f"{prefix}checkpoint_id"))


def _in_location(headers: Mapping[str, str], pattern: str) -> str | None:
    found = re.search(pattern, headers.get("content-location", ""))
    return found and found[1]


def _text_at(value: object, key: str) -> str | None:
    return _text(value.get(key)) if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
