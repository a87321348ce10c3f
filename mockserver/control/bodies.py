"""The bodies and queries of the control API."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from mockserver.control.controller import DEADLINE, LONGEST, Mode
from mockserver.control.wanted import Wanted
from mockserver.schemas.common import Body
from mockserver.web.faults import Fault

Times = Annotated[int, Meta(ge=1)]
ScriptText = str | dict[str, Any]


class Scope(Body, frozen=True, kw_only=True):
    """The scope of a setting: one thread or, without `thread_id`, the whole deployment."""

    thread_id: str | None = None


class FaultOn(Fault, frozen=True, kw_only=True):
    """A fault and its scope."""

    thread_id: str | None = None


class DefectOn(Scope, frozen=True, kw_only=True):
    """A defect to switch on, permanently or for its next `times` occurrences."""

    name: str
    times: Times | None = None


class ScriptOn(Scope, frozen=True, kw_only=True):
    """A script as YAML text or as an object, a list of these, or a mapping from the names of graphs to these."""

    script: ScriptText | list[ScriptText]


class Point(Scope, frozen=True, kw_only=True):
    """A point at which runs are held, or all points."""

    point: str | None = None


class Advance(Scope, frozen=True, kw_only=True):
    """The seconds of scripted time to advance."""

    seconds: Annotated[float, Meta(ge=0, le=1e9)]


class TimeSet(Scope, frozen=True, kw_only=True):
    """The clock for scripted delays."""

    mode: Mode
    scale: Annotated[float, Meta(ge=0, le=1000)] = 1.0


class Wait(Scope, frozen=True, kw_only=True):
    """A condition to wait for: a held `point`, a `status` of a run or of a thread, or a `request`."""

    point: str | None = None
    status: str | None = None
    run_id: str | None = None
    request: Wanted | None = None
    # The bound is only described: the controller checks it, and names the unit.
    deadline: Annotated[float, Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": LONGEST})] = DEADLINE


class Conduct(Body, frozen=True, kw_only=True):
    """The strategy that the application is configured with, and the rules to skip."""

    strategy: str | None = None
    without: str | list[str] | None = None


class Reset(Body, frozen=True, kw_only=True):
    """The settings after a reset. Without `seed` every reset gives other ids. The clock stays without `time`."""

    seed: int | None = None
    script: ScriptText | list[ScriptText] | None = None
    graph: str | None = None
    time: Mode | None = None
    scale: Annotated[float, Meta(ge=0, le=1000)] = 1.0
    defects: str | tuple[str, ...] = ()
    faults: str | tuple[str | Fault, ...] = ()
    strict: bool | None = None
