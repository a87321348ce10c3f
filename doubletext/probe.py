"""The probe contract as types: the configuration of a run of the probe agent, and the reports of the agent.

`conformance/agents/CONTRACT.md` defines the contract. Theory of operation:

1. The suite sends a `Probe` in the config of each run. It names the witness, an HTTP listener of the suite.
2. The agent sends a `StepReport` to the witness at each event of each step, and waits for the answer. So the suite
   knows the step that each run is in.
3. The witness holds a run by not answering. Meanwhile the suite sends the second run, at a known moment of the first.
4. The witness answers, and the run continues.

The suite and the scripted agent of the mock share this module. It needs no package but msgspec.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

# msgspec matches patterns with Python's `re`, whose `$` also matches before a final line break. `(?!\n)` excludes that.

Label = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$(?!\n)")]
"""The name of a run, unique within its scenario."""

_NODES = "agent|tools|search|quote|audit"

StepName = Annotated[str, msgspec.Meta(pattern=rf"^({_NODES}):[1-9][0-9]*$(?!\n)")]
"""`NODE:VISIT`, with the visits counted from the turn's human message: `agent:1`, `tools:1`, `agent:2`."""

Point = Annotated[str, msgspec.Meta(pattern=rf"^({_NODES}):[1-9][0-9]*/(enter|token|cancelled|exit)$(?!\n)")]
"""`STEP/EVENT`, a point at which a run can be held: `tools:1/enter`."""

# Ten minutes are far longer than any hold of the suite, so a larger value is a mistake.
Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]

OnCancel = Literal["stop", "linger", "swallow"]
Work = Literal["tools", "subgraph", "parallel"]
"""The workers on the tool call: the node `tools`, a child graph, or `tools` and a second node in one superstep."""

Version = Literal[1, 2, 3, 4]
"""Version 4 has the keys of version 3. The agent finds such a probe in the run's context, too."""
StepEvent = Literal["enter", "token", "cancelled", "exit"]
StepOutcome = Literal["returned", "raised", "interrupted", "cancelled"]


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The configuration of one run, in `config.configurable.probe` or, since version 4, in `context.probe`.

    Raises ValueError for a value that its version does not have.
    """

    version: Version
    label: Label
    witness: str | None = None
    hold: dict[Point, Seconds] = {}
    fail: tuple[StepName, ...] = ()
    interrupt: tuple[StepName, ...] = ()
    on_cancel: OnCancel = "stop"
    linger: Seconds = 0.5
    work: Work = "tools"
    show: bool = False
    """Report what the agent was given: the configurable and the answer to its question."""

    def __post_init__(self) -> None:
        if self.version == 1 and self.work != "tools":
            raise ValueError(f'`work` "{self.work}" needs `version` 2')
        if self.version < 3 and self.show:
            raise ValueError("`show` needs `version` 3")


class StepReport(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A report of a step to the witness. Unknown fields are ignored, so an agent may send more of them."""

    version: Version
    label: Label
    step: StepName
    event: StepEvent
    run_id: str | None = None
    outcome: StepOutcome | None = None
    configurable: dict[str, Any] | None = None
    """The shown part of the run's configurable, in the `enter` of a run whose probe has `show`."""
    resume: Any = msgspec.UNSET
    """The value that `interrupt()` returned, in the `exit` of a step of such a run."""


SHOWN = "doubletext_"
"""The beginning of the names in the configurable that an agent shows."""


def shown_configurable(configurable: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configurable that an agent shows: what a client of the suite sent, and no secrets."""
    return {name: value for name, value in configurable.items() if name.startswith(SHOWN)}


def to_config(probe: Probe) -> dict[str, Any]:
    """Return the `config` of a request for a run with this probe."""
    # `omit_defaults` keeps the request short. `version` has no default, so it is always there.
    return {"configurable": {"probe": msgspec.to_builtins(probe)}}


def read_probe(configurable: dict[str, Any]) -> Probe | None:
    """Return the probe of a run, or None for a run without one.

    Raises `msgspec.ValidationError` with the name of the wrong key.
    """
    raw = configurable.get("probe")
    return None if raw is None else msgspec.convert(raw, Probe)


def requested_place(text: str) -> str | None:
    """Return the PLACE in a message about the weather, in lower case, or None for any other message."""
    found = re.search(r"weather in ([a-z0-9 .'-]+)", text, re.IGNORECASE)
    return found.group(1).strip().lower() if found else None
