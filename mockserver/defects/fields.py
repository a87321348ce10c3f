"""Fields: the stored objects are right, but an answer shows a field with another type or another object's value."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from mockserver.core.streams import Event
from mockserver.defects.answers import RUN, RUNS, matches, refusal, rewritten
from mockserver.defects.base import Defect
from mockserver.defects.states import HISTORY, STATE, requested_thread
from mockserver.web.interceptors import Handler

THREAD: Final = "/threads/{thread_id}"
CRONS: Final = f"{RUNS}/crons"

Json = dict[str, Any]


class _Field(Defect):
    """A defect in the objects that some endpoints show."""

    endpoints: tuple[tuple[str, str], ...]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if not any(matches(request, method, path) for method, path in self.endpoints):
            return response
        return rewritten(response, lambda body: self._each(request, body))

    def _each(self, request: web.Request, body: Any) -> Any:
        return [self.shown(request, one) for one in body] if isinstance(body, list) else self.shown(request, body)

    def shown(self, request: web.Request, one: Json) -> Json:
        """Return the object to show instead of `one`."""
        raise NotImplementedError


_ANY_RUN: Final = (("POST", RUNS), ("GET", RUNS), ("GET", RUN))


class AssistantNamed(_Field):
    """A run shows the name of its graph in place of the id of its assistant."""

    id = "D145"
    rule = "SHP-01"
    seen = ()
    client = "A client that requests the assistant of a run receives 404, or 422 for an id that is no UUID."
    endpoints = _ANY_RUN

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "assistant_id": "agent"} if self.strikes(one["run_id"]) else one


class TimesWithoutZone(_Field):
    """The times of a thread have no zone."""

    id = "D146"
    rule = "SHP-02"
    seen = ()
    client = "A browser reads the time in its own zone, so a new conversation is hours old or in the future."
    endpoints = (("POST", "/threads"), ("GET", THREAD))

    def shown(self, request: web.Request, one: Json) -> Json:
        if not self.strikes(one["thread_id"]):
            return one
        return {**one, **{name: one[name].removesuffix("+00:00") for name in ("created_at", "updated_at")}}


class NextIsText(_Field):
    """The `next` of a state is a text and not a list."""

    id = "D147"
    rule = "SHP-03"
    seen = ()
    client = "A client that iterates over the next nodes receives single letters."
    endpoints = (("GET", STATE),)

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "next": ", ".join(one["next"])} if self.strikes() else one


class IdsInCapitals(_Field):
    """A run that is read shows its id in capitals, and the answer to its creation does not."""

    id = "D248"
    rule = "AGR-13"
    seen = ()
    client = "An application that keeps runs by the ids of their creation does not find this one."
    endpoints = (("GET", RUN),)

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "run_id": one["run_id"].upper()} if self.strikes(one["run_id"]) else one


class InterruptsLeftOut(_Field):
    """A state does not have the field `interrupts`.

    Seen in the JavaScript server.
    """

    id = "D244"
    rule = "SHP-09"
    seen = ()
    client = "A client that reads the open questions of the state fails, because its type says that the field is there."
    endpoints = (("GET", STATE),)

    def shown(self, request: web.Request, one: Json) -> Json:
        return {name: one[name] for name in one if name != "interrupts"} if self.strikes() else one


class CronTimesAsNumbers(_Field):
    """The times of a cron are seconds since 1970."""

    id = "D148"
    rule = "SHP-04"
    seen = ()
    client = "A client that parses the time of the next run fails."
    endpoints = (("POST", CRONS), ("POST", "/runs/crons/search"))

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "created_at": 1735689600} if self.strikes(one["cron_id"]) else one


class UpdatesAsList(Defect):
    """The data of an `updates` event is a list of pairs and not an object."""

    id = "D149"
    rule = "SHP-05"
    seen = ()
    client = "A client that reads what a node wrote finds nothing under the node's name."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        # A list was changed for an earlier reader.
        if event.name == "updates" and isinstance(event.data, dict) and self.strikes():
            event.data = [list(pair) for pair in event.data.items()]
        return super().shows(event, modes)


class JsonAsText(Defect):
    """A run is answered as plain text, although it is JSON."""

    id = "D150"
    rule = "SHP-06"
    seen = ()
    client = "A client that chooses its decoder by the content type receives a string."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "GET", RUN) and response.status == 200 and self.strikes():
            response.content_type = "text/plain"
        return response


class CreatedAtMoves(_Field):
    """A run shows the time of its last update as that of its creation."""

    id = "D151"
    rule = "AGR-01"
    seen = ()
    client = "A list of runs that is sorted by their creation changes its order while they execute."
    endpoints = (("GET", RUNS), ("GET", RUN))

    def shown(self, request: web.Request, one: Json) -> Json:
        moved = one["created_at"] != one["updated_at"] and self.strikes(one["run_id"])
        return {**one, "created_at": one["updated_at"]} if moved else one


class ListWithoutKwargs(_Field):
    """The list of runs shows empty `kwargs`."""

    id = "D152"
    rule = "AGR-02"
    seen = ()
    client = "A client that shows the queue cannot show what the waiting runs are about."
    endpoints = (("GET", RUNS),)

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "kwargs": {}} if self.strikes(one["run_id"]) else one


class UpdatedAtFrozen(_Field):
    """The time of the last update of a run stays that of its creation."""

    id = "D153"
    rule = "AGR-03"
    seen = ()
    client = "A client that polls for runs that have changed finds none."
    endpoints = _ANY_RUN

    def shown(self, request: web.Request, one: Json) -> Json:
        frozen = one["created_at"] != one["updated_at"] and self.strikes(one["run_id"])
        return {**one, "updated_at": one["created_at"]} if frozen else one


class StateStepFrozen(_Field):
    """The metadata of a state has the step of the first checkpoint."""

    id = "D154"
    rule = "AGR-05"
    seen = ()
    client = "A client that orders states by their step shows a new one as the oldest."
    endpoints = (("GET", STATE),)

    def shown(self, request: web.Request, one: Json) -> Json:
        if not one["metadata"] or not self.strikes():
            return one
        return {**one, "metadata": {**one["metadata"], "step": -1}}


class ParentWithoutThread(_Field):
    """In the history, the parent of a checkpoint does not name its thread."""

    id = "D155"
    rule = "AGR-05"
    seen = ()
    client = "A client that sends the parent back, in order to go one step back, is refused."
    endpoints = (("POST", HISTORY), ("GET", HISTORY))

    def shown(self, request: web.Request, one: Json) -> Json:
        parent = one["parent_checkpoint"]
        if not parent or not self.strikes():
            return one
        return {**one, "parent_checkpoint": {name: parent[name] for name in parent if name != "thread_id"}}


class ListLags(_Field):
    """The list of runs shows each as it was when it was created, apart from its status."""

    id = "D156"
    rule = "AGR-03"
    seen = ()
    client = "The list says that nothing has happened to a run since it was created."
    endpoints = (("GET", RUNS),)

    def shown(self, request: web.Request, one: Json) -> Json:
        lags = one["created_at"] != one["updated_at"] and self.strikes(one["run_id"])
        return {**one, "updated_at": one["created_at"]} if lags else one


class ThreadMessagesCut(_Field):
    """The messages in the record of a thread are cut to the length of a preview."""

    id = "D157"
    rule = "PST-08"
    seen = ()
    client = "A conversation that is restored from the thread shows half of each message."
    endpoints = (("GET", THREAD),)

    def shown(self, request: web.Request, one: Json) -> Json:
        messages = (one["values"] or {}).get("messages")
        if not messages or not self.strikes(one["thread_id"]):
            return one
        cut = [{**m, "content": m["content"][:10]} if isinstance(m["content"], str) else m for m in messages]
        return {**one, "values": {**one["values"], "messages": cut}}


class KwargsOfAnother(_Field):
    """A run shows the `kwargs` of the newest run of its thread."""

    id = "D158"
    rule = "ECH-01"
    seen = ()
    client = "A client that shows which text a run answers shows that of another run."
    endpoints = (("GET", RUNS), ("GET", RUN))

    def shown(self, request: web.Request, one: Json) -> Json:
        thread = requested_thread(request)
        newest = list(thread.runs.values())[-1:] if thread else []
        if not newest or newest[0].run_id == one["run_id"] or not self.strikes(one["run_id"]):
            return one
        return {**one, "kwargs": newest[0].kwargs}


class RunMetadataOnThread(_Field):
    """A thread shows the metadata of its newest run among its own."""

    id = "D159"
    rule = "ECH-02"
    seen = ()
    client = "A search for threads by metadata finds those on which such a run was created."
    endpoints = (("GET", THREAD),)

    def shown(self, request: web.Request, one: Json) -> Json:
        thread = requested_thread(request)
        newest = list(thread.runs.values())[-1:] if thread else []
        if not newest or not self.strikes(one["thread_id"]):
            return one
        return {**one, "metadata": {**one["metadata"], **newest[0].metadata}}


class CheckpointOfAnotherThread(_Field):
    """The checkpoint of a state names another thread."""

    id = "D160"
    rule = "ECH-03"
    seen = ()
    client = "A client that continues from this checkpoint continues another conversation, or is refused."
    endpoints = (("GET", STATE),)

    def shown(self, request: web.Request, one: Json) -> Json:
        if not one["checkpoint"] or not self.strikes():
            return one
        return {**one, "checkpoint": {**one["checkpoint"], "thread_id": "00000000-0000-4000-8000-000000000000"}}


class CronScheduleRewritten(_Field):
    """A cron shows another schedule than it was created with."""

    id = "D161"
    rule = "ECH-04"
    seen = ()
    client = "A user sees that a yearly report is made every minute."
    endpoints = (("POST", CRONS), ("POST", "/runs/crons/search"))

    def shown(self, request: web.Request, one: Json) -> Json:
        return {**one, "schedule": "* * * * *"} if self.strikes(one["cron_id"]) else one


class EmptyStateMissing(Defect):
    """The state of a thread on which nothing has happened yet is not found."""

    id = "D162"
    rule = "AGR-09"
    seen = ()
    client = "A client that opens a new conversation shows an error, or creates the thread a second time."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        thread = requested_thread(request)
        if matches(request, "GET", STATE) and thread and thread.history.head is None and self.strikes(thread):
            return refusal(404, "No state found.")
        return await super().answer(request, handler)
