"""The areas of the rule book: the letters of requirement ids, their names, and their pytest markers.

This module imports nothing of the suite. The pytest plugin registers the markers in every pytest run of an environment
in which doubletext is installed, and must not slow these runs down.
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
    "SHP": "shape of answers",
    "AGR": "agreement of answers",
    "ECH": "echo of what was sent",
    "FRM": "forms of requests",
}
"""The name of each area, in the order of the book. `requirements/run.toml` contains the area RUN."""

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
    "SHP": "shapes",
    "AGR": "agreement",
    "ECH": "echo",
    "FRM": "forms",
}
"""The marker of each area.

The markers of the strategies, `cancel` and `races` also select by scenario: all that is judged where these occur.
"""


def family_marker(family: str) -> str:
    """Return the marker of a scenario's family, such as `interrupt` or `bad_input`."""
    return family.replace("-", "_")
