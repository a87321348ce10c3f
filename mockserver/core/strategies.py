"""What a double text does, as one table: the new run's strategy times the phase of each run in flight.

What the double-texting page of the documentation says, row by row and in our words:

- `enqueue`: the run in flight is allowed to finish. Nobody is touched, the new run waits its turn.
- `reject`: while a run is in flight, a new run is refused.
- `interrupt`: what is in flight is stopped, and the new run goes on from what it had achieved by then.
- `rollback`: what is in flight is stopped and erased with all that it wrote, its input included.

A run that is already being stopped keeps the fate that was decided first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mockserver.vocabulary import Strategy

Phase = Literal["pending", "running", "stopping"]
Fate = Literal["stop", "erase", "expire"]
"""`stop`: ends `interrupted` and keeps what it wrote. `erase`: leaves no trace. `expire`: took too long."""

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
    ("reject", "stopping"): "refuse",
    ("interrupt", "pending"): "stop",
    ("interrupt", "running"): "stop",
    ("interrupt", "stopping"): "leave",
    ("rollback", "pending"): "erase",
    ("rollback", "running"): "erase",
    ("rollback", "stopping"): "leave",
}


@dataclass(frozen=True)
class Decision:
    """Whether the new run is accepted, and the fates of runs in flight by run id."""

    accepted: bool
    fates: Mapping[str, Fate] = field(default_factory=dict)


def decide(strategy: Strategy, in_flight: Mapping[str, Phase]) -> Decision:
    """What happens when a run with `strategy` arrives while `in_flight` (run id to phase) are not over."""
    fates: dict[str, Fate] = {}
    for run_id, phase in in_flight.items():
        verdict = DECISIONS[strategy, phase]
        if verdict == "refuse":
            return Decision(accepted=False)
        if verdict != "leave":
            fates[run_id] = verdict
    return Decision(accepted=True, fates=fates)
