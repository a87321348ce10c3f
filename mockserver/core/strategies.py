"""The effect of a double text, as one table: the new run's strategy times the phase of each run in flight.

Theory of operation. A *double text* is a run that is created while others are in flight on its thread. `decide`
looks up one treatment per run in flight. The rows follow the documentation
(https://docs.langchain.com/langsmith/double-texting):

- `enqueue`: the runs in flight finish undisturbed, and the new run waits for its turn.
- `reject`: the new run is refused while a run is in flight.
- `interrupt`: the runs in flight are stopped, and the new run continues from the state that they reached.
- `rollback`: the runs in flight are stopped and erased with everything that they wrote, their input included.

A run that is already being stopped keeps its first fate. A later `rollback` therefore does not erase a run that
an earlier `interrupt` stopped. Otherwise the outcome would depend on the moment at which the run settles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, field

from mockserver.vocabulary import Strategy

Phase = Literal["pending", "running", "stopping"]
Fate = Literal["stop", "erase", "expire"]
"""`stop`: ends `interrupted` and keeps what it wrote. `erase`: leaves no trace. `expire`: exceeded the run timeout."""

Treatment = Literal["leave", "stop", "erase", "refuse"]

STRATEGIES: Final[tuple[Strategy, ...]] = ("reject", "rollback", "interrupt", "enqueue")
PHASES: Final[tuple[Phase, ...]] = ("pending", "running", "stopping")
DEFAULT_STRATEGY: Final[Strategy] = "enqueue"

DECISIONS: Final[dict[tuple[Strategy, Phase], Treatment]] = {
    ("enqueue", "pending"): "leave",
    ("enqueue", "running"): "leave",
    ("enqueue", "stopping"): "leave",
    ("reject", "pending"): "refuse",
    ("reject", "running"): "refuse",
    # Until it has settled, a stopping run still executes and may write. A new
    # run that asked not to overlap with another must not be accepted beside it.
    ("reject", "stopping"): "refuse",
    ("interrupt", "pending"): "stop",
    ("interrupt", "running"): "stop",
    ("interrupt", "stopping"): "leave",
    ("rollback", "pending"): "erase",
    ("rollback", "running"): "erase",
    ("rollback", "stopping"): "leave",
}


class Decision(Struct, frozen=True):
    """The admission of a new run: its acceptance, and the fates of the runs in flight by run id."""

    accepted: bool
    fates: Mapping[str, Fate] = field(default_factory=dict)


def decide(strategy: Strategy, in_flight: Mapping[str, Phase]) -> Decision:
    """Return the effect of a new run with `strategy` on the runs `in_flight` (run id to phase)."""
    fates: dict[str, Fate] = {}
    for run_id, phase in in_flight.items():
        verdict = DECISIONS[strategy, phase]
        if verdict == "refuse":
            # A refused request has no effect at all, so the fates found so far are dropped.
            return Decision(accepted=False)
        if verdict != "leave":
            fates[run_id] = verdict
    return Decision(accepted=True, fates=fates)
