"""Given: a run is executed with another answer, command, configurable or option than the client sent."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mockserver.core.records import Run
from mockserver.defects.answers import CREATING, json_body, matches, with_body
from mockserver.defects.base import Defect
from mockserver.web.interceptors import Handler

Json = dict[str, Any]


class ResumeValueAsText(Defect):
    """The answer to a question reaches the agent as text."""

    id = "D240"
    rule = "HIL-14"
    seen = ()
    client = "An agent that needs the fields of a form gets one text."

    def answer_given(self, run: Run, answer: Any) -> Any:
        right = super().answer_given(run, answer)
        return str(right) if not isinstance(right, str) and self.strikes(run) else right


class ConfigurableOfOlderRuns(Defect):
    """A run sees the configurable of the runs before it on its thread, under its own."""

    id = "D241"
    rule = "RUN-23"
    seen = ()
    client = "A setting of one message still holds for the next one."

    def configurable(self, run: Run) -> dict[str, Any]:
        right = super().configurable(run)
        older: dict[str, Any] = {}
        for other in run.thread.runs.values():
            if other is run:
                break
            older |= {name: value for name, value in other.configurable.items() if name not in right}
        return {**older, **right} if older and self.strikes(run) else right


class ConfigurableLost(Defect):
    """A run that supersedes another does not see its own configurable."""

    id = "D242"
    rule = "RUN-23"
    seen = ()
    client = "The settings of a second message are ignored."

    def configurable(self, run: Run) -> dict[str, Any]:
        right = super().configurable(run)
        kept = {name: value for name, value in right.items() if name == "probe" or not name.startswith("doubletext_")}
        return kept if kept != right and run.strategy == "interrupt" and self.strikes(run) else right


class _Reordered(Defect):
    """A run is created as if the client had sent another request."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request) if any(matches(request, "POST", path) for path in CREATING) else None
        changed = self.changed(body) if isinstance(body, dict) else None
        if changed is not None and self.strikes():
            request = with_body(request, changed)
        return await super().answer(request, handler)

    def changed(self, body: Json) -> Json | None:
        """Return the request to carry out instead of `body`. Return None if there is nothing to change in it."""
        raise NotImplementedError


def _without(given: Json, name: str) -> Json:
    return {key: value for key, value in given.items() if key != name}


class _CommandCut(_Reordered):
    """The command of a run is carried out without one of its parts."""

    part: str

    def changed(self, body: Json) -> Json | None:
        command = body.get("command")
        if not isinstance(command, dict) or not command.get("goto") or not command.get(self.part):
            return None
        return {**body, "command": _without(command, self.part)}


class CommandGotoIgnored(_CommandCut):
    """The `goto` of a command is ignored."""

    id = "D275"
    rule = "RUN-34"
    seen = ("https://github.com/Duragraph/duragraph/pull/232",)
    client = "A conversation is not handed to the agent that should continue it."
    part = "goto"


class CommandUpdateLost(_CommandCut):
    """The `update` of a command with a `goto` is lost."""

    id = "D276"
    rule = "RUN-34"
    seen = ()
    client = "The agent continues without what the user has added."
    part = "update"


class MessageIdsReplaced(Defect):
    """A message that a client sends with an id is stored under another one."""

    id = "D282"
    rule = "ECH-05"
    seen = ()
    client = "A message that was just sent is on the screen twice."

    def input(self, run: Run) -> Any:
        right = super().input(run)
        sent = right.get("messages") if isinstance(right, dict) else None
        named = isinstance(sent, list) and any(isinstance(one, dict) and one.get("id") for one in sent)
        if not isinstance(right, dict) or not isinstance(sent, list) or not named or not self.strikes(run):
            return right
        bare = [{name: value for name, value in one.items() if name != "id"} for one in sent if isinstance(one, dict)]
        return {**right, "messages": bare}


class FalseIsNoAnswer(_Reordered):
    """An answer to a question that is `false`, 0 or empty is taken for none, and the question is asked again."""

    id = "D283"
    rule = "HIL-14"
    seen = ()
    client = "A user who refuses is asked the same question again, for ever."

    def changed(self, body: Json) -> Json | None:
        command = body.get("command")
        resume = command.get("resume") if isinstance(command, dict) else None
        return None if resume is None or resume else _without(body, "command")


class RecursionLimitIgnored(_Reordered):
    """The `recursion_limit` in the config of a run is ignored."""

    id = "D284"
    rule = "RUN-35"
    seen = ()
    client = "A model that calls its tools in a circle costs money for ever."

    def changed(self, body: Json) -> Json | None:
        config = body.get("config")
        # A limit that is no number is still refused.
        if not isinstance(config, dict) or type(config.get("recursion_limit")) is not int:
            return None
        return {**body, "config": _without(config, "recursion_limit")}


class ExitStoresAtOnce(_Reordered):
    """A run with durability `exit` is executed like one with `async`."""

    id = "D287"
    rule = "CHK-34"
    seen = ()
    client = "A run with many steps is as slow as if nothing had been chosen."

    def changed(self, body: Json) -> Json | None:
        return {**body, "durability": "async"} if body.get("durability") == "exit" else None


class ContextLost(_Reordered):
    """The `context` of a run does not reach its agent."""

    id = "D288"
    rule = "RUN-36"
    seen = ()
    client = "The agent works without the user's settings, as if none were sent."

    def changed(self, body: Json) -> Json | None:
        return _without(body, "context") if body.get("context") else None


class CheckpointIdIgnored(_Reordered):
    """The `checkpoint_id` of a run is ignored, so that it continues at the end of the thread."""

    id = "D289"
    rule = "CHK-36"
    seen = ()
    client = "A run from an older point of the conversation does nothing, and ends `success`."

    def changed(self, body: Json) -> Json | None:
        return _without(body, "checkpoint_id") if body.get("checkpoint_id") else None


class BatchCreatesOne(Defect):
    """Of a batch of runs only the first is created."""

    id = "D290"
    rule = "STL-05"
    seen = ()
    client = "The other runs of a batch are never executed, and nothing says so."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        orders = await json_body(request) if matches(request, "POST", "/runs/batch") else None
        if isinstance(orders, list) and len(orders) > 1 and self.strikes():
            request = with_body(request, orders[:1])
        return await super().answer(request, handler)
