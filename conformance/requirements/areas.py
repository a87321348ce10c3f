"""The areas of the rule book: what the letters of an id stand for, and the marker that selects an area in pytest.

Nothing is imported here: the plugin registers the markers in every pytest run of an environment that has doubletext.
"""

from __future__ import annotations

AREAS = {
    "RUN": "run lifecycle",
    "INT": "interrupt strategy",
    "PST": "partial state",
    "CHK": "checkpoints and history",
    "ENQ": "enqueue strategy",
    "REJ": "reject strategy",
    "RBK": "rollback strategy",
    "CAN": "cancel",
    "CON": "races",
    "STR": "streaming and join",
    "HIL": "human in the loop",
    "THR": "thread status",
    "ERR": "errors and validation",
    "STL": "stateless runs",
    "WHK": "webhooks",
    "CRN": "crons",
    "CLI": "client contract",
}
"""In the order of the book; `requirements/run.toml` holds RUN."""

MARKERS = {
    "RUN": "runs",
    "INT": "interrupt",
    "PST": "partial_state",
    "CHK": "history",
    "ENQ": "enqueue",
    "REJ": "reject",
    "RBK": "rollback",
    "CAN": "cancel",
    "CON": "races",
    "STR": "streams",
    "HIL": "human_in_the_loop",
    "THR": "threads",
    "ERR": "errors",
    "STL": "stateless",
    "WHK": "webhooks",
    "CRN": "crons",
    "CLI": "clients",
}
"""The strategies, `cancel` and `races` select by scenario, too: whatever is judged where that happens."""


def family_marker(family: str) -> str:
    """The marker of a scenario's strategy: `interrupt`, `bad_input`."""
    return family.replace("-", "_")
