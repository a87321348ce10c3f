"""A mock deployment of the LangGraph Agent Server API, deterministic and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doubletext import __version__ as __version__
from doubletext import lazy

if TYPE_CHECKING:
    from mockserver.agent.gates import Held
    from mockserver.app import create_app, serving
    from mockserver.control.conduct import Conduct
    from mockserver.control.errors import BlockedLoopError, ControlError, DeadlineError, UsageError
    from mockserver.control.facts import Finding
    from mockserver.control.matchers import Including, RequestPattern
    from mockserver.core.clock import Clock, HandClock, InstantClock, RealClock, UndelayedClock
    from mockserver.core.policy import Policy
    from mockserver.defects import Defect, UnknownDefectError
    from mockserver.deployment import MockDeployment
    from mockserver.from_graph import GraphError, script_from_graph
    from mockserver.replay import NotRecordedError, TranscriptError, replaying
    from mockserver.script.actions import Call, Failure, Output, Result, StoreWrite
    from mockserver.script.load import ScriptError
    from mockserver.script.shapes import Channel, Edge, Graph, Schemas
    from mockserver.script.types import Case, Interrupt, Script, Step, Turn, When
    from mockserver.web.faults import BadFaultError, Fault
    from mockserver.web.journal import JournalEntry

# doubletext.packages reads this line to recognize this package among others that are also called `mockserver`.
__distribution__ = "doubletext"

__all__ = [
    "BadFaultError",
    "BlockedLoopError",
    "Call",
    "Case",
    "Channel",
    "Clock",
    "Conduct",
    "ControlError",
    "DeadlineError",
    "Defect",
    "Edge",
    "Failure",
    "Fault",
    "Finding",
    "Graph",
    "GraphError",
    "HandClock",
    "Held",
    "Including",
    "InstantClock",
    "Interrupt",
    "JournalEntry",
    "MockDeployment",
    "NotRecordedError",
    "Output",
    "Policy",
    "RealClock",
    "RequestPattern",
    "Result",
    "Schemas",
    "Script",
    "ScriptError",
    "Step",
    "StoreWrite",
    "TranscriptError",
    "Turn",
    "UndelayedClock",
    "UnknownDefectError",
    "UsageError",
    "When",
    "create_app",
    "replaying",
    "script_from_graph",
    "serving",
]

# Imported on first access, because the modules without HTTP (scripts, engine) can be used without importing aiohttp.
if not TYPE_CHECKING:
    __getattr__ = lazy.attributes(
        __name__,
        {
            "BadFaultError": "mockserver.web.faults",
            "BlockedLoopError": "mockserver.control.errors",
            "Call": "mockserver.script.actions",
            "Case": "mockserver.script.types",
            "Channel": "mockserver.script.shapes",
            "Clock": "mockserver.core.clock",
            "Conduct": "mockserver.control.conduct",
            "ControlError": "mockserver.control.errors",
            "DeadlineError": "mockserver.control.errors",
            "Defect": "mockserver.defects",
            "Edge": "mockserver.script.shapes",
            "Failure": "mockserver.script.actions",
            "Fault": "mockserver.web.faults",
            "Finding": "mockserver.control.facts",
            "Graph": "mockserver.script.shapes",
            "GraphError": "mockserver.from_graph",
            "HandClock": "mockserver.core.clock",
            "Held": "mockserver.agent.gates",
            "Including": "mockserver.control.matchers",
            "InstantClock": "mockserver.core.clock",
            "Interrupt": "mockserver.script.types",
            "JournalEntry": "mockserver.web.journal",
            "MockDeployment": "mockserver.deployment",
            "NotRecordedError": "mockserver.replay",
            "Output": "mockserver.script.actions",
            "Policy": "mockserver.core.policy",
            "RealClock": "mockserver.core.clock",
            "RequestPattern": "mockserver.control.matchers",
            "Result": "mockserver.script.actions",
            "Schemas": "mockserver.script.shapes",
            "Script": "mockserver.script.types",
            "ScriptError": "mockserver.script.load",
            "Step": "mockserver.script.types",
            "StoreWrite": "mockserver.script.actions",
            "TranscriptError": "mockserver.replay",
            "Turn": "mockserver.script.types",
            "UndelayedClock": "mockserver.core.clock",
            "UnknownDefectError": "mockserver.defects",
            "UsageError": "mockserver.control.errors",
            "When": "mockserver.script.types",
            "create_app": "mockserver.app",
            "replaying": "mockserver.replay",
            "script_from_graph": "mockserver.from_graph",
            "serving": "mockserver.app",
        },
    )
