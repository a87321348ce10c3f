"""Broken twins of the requirements PST."""

from __future__ import annotations

from tests.conformance.plays import bodies, messages, without
from tests.conformance.twins.edits import (
    CANCELLED,
    TOOLS,
    finished_step_is_kept,
    finished_step_is_lost,
    half_answer,
    invented_result,
    late_report,
    of,
    resumes,
    same_ids,
    second_input_first,
    twice,
    twin,
)

TWINS = [
    twin("PST-01", "a finished step is lost", TOOLS, messages(without("toolu_01Mj")), fact="no A.call"),
    twin("PST-02", "the first input is lost", TOOLS, messages(without("in sf?")), fact="no A.human"),
    twin("PST-03", "half an answer is kept", "interrupt/during-answer/create/unwatched", messages(half_answer),
         fact="A.fragment"),
    twin("PST-04", "the open call is removed", TOOLS, messages(without("toolu_01Mj")), fact="A.human B.human"),
    twin("PST-04", "a result is invented", TOOLS, messages(invented_result), fact="A.invented"),
    twin("PST-05", "with exit all is lost", f"{TOOLS}/durability-exit", messages(without("toolu_01Mj")),
         fact="no A.call"),
    twin("PST-06", "with sync the step is not there yet", f"{TOOLS}/durability-sync",
         bodies("mid history", "main", lambda entries: entries[1:]), fact="newest checkpoint: A.human"),
    twin("PST-08", "the thread's values are cleared", TOOLS,
         bodies("final thread", "main", lambda b: of(b, values=None)), fact="`null`"),
    twin("PST-09", "message ids collide", TOOLS, messages(same_ids), fact="twice: same"),
    twin("PST-10", "the second input twice", TOOLS, messages(twice), fact="2 times"),
    twin("PST-10", "the second input first", TOOLS, messages(second_input_first), fact="A.human A.call after it"),
    twin("PST-12", "the parked step is resumed", "interrupt/parked/create/unwatched", resumes,
         fact="run B began with tools:1"),
    twin("PST-12", "the first run is resumed", "interrupt/parked/create/unwatched",
         late_report("A", "tools:1", "enter"), fact="run A entered tools:1 again"),
    twin("PST-11", "nothing is next", CANCELLED, bodies("final state", "main", lambda b: of(b, next=[])), fact="[]"),
    twin("PST-07", "half a superstep is written", "interrupt/half-superstep/create/unwatched", finished_step_is_kept,
         fact="A/audit:1"),
    twin("PST-07", "the finished step's result is lost", "cancel/half-superstep/interrupt/unwatched",
         finished_step_is_lost, fact="[null]"),
    twin("PST-13", "a tool call without arguments", TOOLS,
         messages(lambda found: [of(m, tool_calls=[of(c, args={}) for c in m.get("tool_calls") or ()]) for m in found]),
         fact='"args":{}'),
]  # fmt: skip
