"""The areas of the rule book: the meaning of an id's letters, and the pytest marker that selects an area.

This module imports nothing, because the plugin registers the markers in every pytest run of an environment that has
doubletext installed.
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
"""The areas by their letters, in the order of the rule book. `requirements/run.toml` holds RUN."""

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
"""The pytest markers by area. Those of the strategies, `cancel` and `races` also select the scenarios of that name."""


def family_marker(family: str) -> str:
    """Return the marker of a scenario's family, such as `interrupt` or `bad_input`."""
    return family.replace("-", "_")
