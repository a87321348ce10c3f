"""The probe contract as types: the configuration of a run of the probe agent, and the agent's reports.

The contract in words is `conformance/agents/CONTRACT.md`. The suite and the mock deployment's scripted agent share this
module, which needs nothing but msgspec.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

# msgspec searches with Python's re, whose `$` also matches before a final line break; `(?!\n)` shuts that door.

Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$(?!\n)")]
"""Names one run of a scenario; unique within it."""

_NODES = "agent|tools|search|quote|audit"

StepName = Annotated[str, msgspec.Meta(pattern=rf"^({_NODES}):[1-9][0-9]*$(?!\n)")]
"""`NODE:VISIT`, counted from the turn's human message: `agent:1`, `tools:1`, `agent:2`."""

Point = Annotated[str, msgspec.Meta(pattern=rf"^({_NODES}):[1-9][0-9]*/(enter|token|cancelled|exit)$(?!\n)")]
"""`STEP/EVENT`, a place at which a run can be held: `tools:1/enter`."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]

OnCancel = Literal["stop", "linger", "swallow"]
Work = Literal["tools", "subgraph", "parallel"]
"""What works on the tool call: the node `tools`, a child graph, or `tools` beside a second node."""

Version = Literal[1, 2]
StepEvent = Literal["enter", "token", "cancelled", "exit"]
StepOutcome = Literal["returned", "raised", "interrupted", "cancelled"]


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What one run is told in `config.configurable.probe`. Raises ValueError for a key that its version has not."""

    version: Version
    label: Label
    witness: str | None = None
    hold: dict[Point, Seconds] = {}
    fail: tuple[StepName, ...] = ()
    interrupt: tuple[StepName, ...] = ()
    on_cancel: OnCancel = "stop"
    linger: Seconds = 0.5
    work: Work = "tools"

    def __post_init__(self) -> None:
        if self.version == 1 and self.work != "tools":
            raise ValueError(f"`work` {self.work} needs version 2")


class StepReport(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One report of a step to the witness; unknown fields are ignored, so that agents may say more."""

    version: Version
    label: Label
    step: StepName
    event: StepEvent
    run_id: str | None = None
    outcome: StepOutcome | None = None


def to_config(probe: Probe) -> dict[str, Any]:
    """The `config` of a run request that carries `probe`."""
    # `version` has no default, so msgspec always writes it.
    return {"configurable": {"probe": msgspec.to_builtins(probe)}}


def read_probe(configurable: dict[str, Any]) -> Probe | None:
    """The probe of a run, or None for a run without one.

    Raises `msgspec.ValidationError`, whose text names the key that is wrong.
    """
    raw = configurable.get("probe")
    return None if raw is None else msgspec.convert(raw, Probe)


def requested_place(text: str) -> str | None:
    """The PLACE of a message that asks for the weather, in lower case; None for any other message."""
    found = re.search(r"weather in ([a-z0-9 .'-]+)", text, re.IGNORECASE)
    return found.group(1).strip().lower() if found else None
