"""Which defects are on, in the whole deployment or on one thread; each goes on top of those before."""

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
    """The switches of one deployment. They work by giving its threads other rules, and take effect at once."""

    def __init__(self, threads: Threads, interceptors: list[Interceptor]) -> None:
        self._threads = threads
        self._interceptors = interceptors
        self._right = threads.policy
        self._everywhere: list[Defect] = []
        self._of_thread: dict[str, list[Defect]] = {}

    def on(self, defect: str | Defect, thread: Thread | None = None, times: int | None = None) -> Defect:
        """Switch a defect on, for its next `times` occurrences or for good. Raises `UnknownDefectError`."""
        added = named(defect)(times) if isinstance(defect, str) else defect
        found = self._everywhere if thread is None else self._of_thread.setdefault(thread.thread_id, [])
        found.append(added)
        self._connect()
        return added

    def off(self, name: str | None = None, thread: Thread | None = None) -> None:
        """Switch a defect off, or all; on one thread, or those of the whole deployment. Raises `UnknownDefectError`."""
        kind = None if name is None else named(name)
        found = self._everywhere if thread is None else self._of_thread.get(thread.thread_id, [])
        found[:] = [one for one in found if kind is not None and type(one) is not kind]
        self._connect()

    def clear(self) -> None:
        """Switch everything off everywhere."""
        self._everywhere.clear()
        self._of_thread.clear()
        self._connect()

    def shown(self) -> list[dict[str, Any]]:
        """What is on, as the control API shows it."""
        scopes: list[tuple[str | None, list[Defect]]] = [(None, self._everywhere), *self._of_thread.items()]
        return [
            {"name": one.name(), "thread_id": scope, "left": one.left, "chances": one.chances}
            for scope, found in scopes
            for one in found
        ]

    def _connect(self) -> None:
        """Put every defect around those that it goes on top of, and give every thread its rules."""
        self._of_thread = {key: found for key, found in self._of_thread.items() if found and key in self._threads.by_id}
        self._threads.policy = _around(self._right, self._everywhere)
        for thread in self._threads.by_id.values():
            thread.policy = _around(self._threads.policy, self._of_thread.get(thread.thread_id, []))
        if self._answer in self._interceptors:
            self._interceptors.remove(self._answer)
        if self._everywhere or self._of_thread:
            self._interceptors.append(self._answer)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        thread = self._threads.by_id.get(request.match_info.get("thread_id", "").lower())
        rules = self._threads.policy if thread is None else policy_of(thread)
        return await (rules.answer(request, handler) if isinstance(rules, Defect) else handler(request))


def _around(right: Policy, defects: list[Defect]) -> Policy:
    for defect in defects:
        defect.right, right = right, defect
    return right
