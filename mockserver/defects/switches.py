"""The switches of defects, for a whole deployment or for one thread. Each defect is put around the earlier ones."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mockserver.core.policy import Policy, policy_of
from mockserver.core.records import Thread
from mockserver.core.threads import Threads
from mockserver.defects.base import Defect
from mockserver.defects.registry import named
from mockserver.web.interceptors import Handler, Interceptor


class Switches:
    """The switches of one deployment. A switch replaces the policies of its threads and takes effect at once."""

    def __init__(self, threads: Threads, interceptors: list[Interceptor]) -> None:
        self._threads = threads
        self._interceptors = interceptors
        self._base = threads.policy
        self._everywhere: list[Defect] = []
        self._of_thread: dict[str, list[Defect]] = {}

    def on(self, defect: str | Defect, thread: Thread | None = None, times: int | None = None) -> Defect:
        """Switch a defect on, for its next `times` occurrences or without a limit. Raises `UnknownDefectError`."""
        added = defect if isinstance(defect, Defect) else named(defect)(times)
        found = self._everywhere if thread is None else self._of_thread.setdefault(thread.thread_id, [])
        found.append(added)
        self._connect()
        return added

    def off(self, name: str | None = None, thread: Thread | None = None) -> None:
        """Switch one defect or all off, of one thread or of the whole deployment. Raises `UnknownDefectError`."""
        kind = None if name is None else named(name)
        found = self._everywhere if thread is None else self._of_thread.get(thread.thread_id, [])
        # By class and not by name, so that an earlier name of the defect switches it off, too.
        found[:] = [one for one in found if kind is not None and type(one) is not kind]
        self._connect()

    def clear(self) -> None:
        """Switch all defects off, of the deployment and of every thread."""
        self._everywhere.clear()
        self._of_thread.clear()
        self._connect()

    def shown(self) -> list[dict[str, Any]]:
        """Return the defects that are on, in the form of the control API."""
        scopes: list[tuple[str | None, list[Defect]]] = [(None, self._everywhere), *self._of_thread.items()]
        return [
            {"name": one.name(), "thread_id": scope, "left": one.remaining, "chances": one.chances}
            for scope, found in scopes
            for one in found
        ]

    def _connect(self) -> None:
        """Nest the defects that are on, and give every thread its policy."""
        # The defects of deleted threads are dropped, so that a long test session does not accumulate them.
        self._of_thread = {key: found for key, found in self._of_thread.items() if found and key in self._threads.by_id}
        self._threads.policy = _around(self._base, self._everywhere)
        # Threads that exist already have a policy of their own. New ones take the policy of the deployment.
        for thread in self._threads.by_id.values():
            thread.policy = _around(self._threads.policy, self._of_thread.get(thread.thread_id, []))
        # Last, which is next to the routes: the journal records the wrong answers, and network faults apply to them.
        # Not at all if no defect is on, because every request would pay for the detour.
        if self._answer in self._interceptors:
            self._interceptors.remove(self._answer)
        if self._everywhere or self._of_thread:
            self._interceptors.append(self._answer)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # A client may write a UUID in capitals.
        thread = self._threads.by_id.get(request.match_info.get("thread_id", "").lower())
        policy = self._threads.policy if thread is None else policy_of(thread)
        return await (policy.answer(request, handler) if isinstance(policy, Defect) else handler(request))


def _around(policy: Policy, defects: list[Defect]) -> Policy:
    """Return the policy with these defects around it, the last one outermost."""
    for defect in defects:
        defect.inner, policy = policy, defect
    return policy
