"""The base class of all defects: a policy with one seam replaced, around the policy that it changes.

The engine asks the policy of a thread for every decision (see `mockserver.core.policy`). A defect is a policy that
holds another one, `inner`, and passes every decision on to it:

    engine --> newest defect --inner--> older defect --inner--> Policy, which decides correctly

A subclass overrides one seam, or a few that belong together. `super()` in it means the decision of `inner`, so several
defects can be on together, and each changes only its own decision. `strikes` says whether the defect is to act, counts
its occurrences and ends them when it is armed for a limited number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import getdoc
from typing import Any, ClassVar, Final

from aiohttp import web

from mockserver.core.policy import Policy
from mockserver.core.records import Run, Thread
from mockserver.web.interceptors import Handler

SEAMS: Final = frozenset(name for name in vars(Policy) if not name.startswith("_")) | {"answer"}
"""The methods that a defect can override: the decisions of a policy, and `answer`, which handles a whole request."""


class Defect(Policy):
    """A wrong behaviour of a deployment, which can be armed for its next few occurrences.

    A subclass acts wrongly only if `strikes` returns true, and otherwise returns the decision of `super()`. The first
    paragraph of its docstring is its summary. A defect in the registry states `id`, `rule`, `seen` and `client`. A
    defect that a test defines for itself needs none of them.
    """

    id: ClassVar[str]
    """The number in the list, such as `D01`. Numbers are never reused."""
    rule: ClassVar[str]
    """The id of the requirement that states what is wrong. What else the defect breaks follows from it."""
    seen: ClassVar[tuple[str, ...]]
    """The links or words that name the servers that behave so. Empty if the defect only proves that a check works."""
    client: ClassVar[str]
    """The effect that a client sees, in one or two sentences."""
    former_names: ClassVar[tuple[str, ...]] = ()
    """The names of earlier releases, which still switch the defect on and off."""

    def __init__(self, times: int | None = None) -> None:
        self.inner: Policy = Policy()
        self.remaining = times
        """The number of occurrences that are left, None for no limit."""
        self.chances = 0
        """The number of occasions on which the defect could have acted. The kill matrix plays only those scenarios."""
        self._struck: set[str] = set()

    @classmethod
    def name(cls) -> str:
        """Return the name that switches the defect on: `ghost_run` for `GhostRun`, `reject_422` for `Reject422`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def summary(cls) -> str:
        """Return the sentence that states what the deployment gets wrong."""
        return " ".join((getdoc(cls) or "").partition("\n\n")[0].split())

    def strikes(self, subject: Run | Thread | str | None = None) -> bool:
        """Return whether to act wrongly now, and count the occurrence.

        A run or thread that was affected once stays affected, and is counted once. Without a subject, every call is
        an occurrence of its own.
        """
        # A status, for example, is read many times. If the defect ended between two reads, the same run would show two
        # different statuses, which is another defect than the one that was switched on.
        if subject is not None and self.struck(subject):
            return True
        # Counted even if nothing is left: the kill matrix arms every defect for no occurrence to count the chances.
        self.chances += 1
        if self.remaining == 0:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        if subject is not None:
            self._struck.add(_key(subject))
        return True

    def struck(self, subject: Run | Thread | str) -> bool:
        """Return whether this run or thread is affected."""
        return _key(subject) in self._struck

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request. `handler` is the rest of the deployment, which answers correctly."""
        inner = self.inner
        # Passed over, and not called one by one: the kill matrix puts all defects around each other.
        while isinstance(inner, Defect) and type(inner).answer is Defect.answer:
            inner = inner.inner
        # `Policy` has no seam for requests, so the innermost defect calls the deployment itself.
        return await (inner.answer(request, handler) if isinstance(inner, Defect) else handler(request))


def _key(subject: Run | Thread | str) -> str:
    if isinstance(subject, str):
        return subject
    return subject.run_id if isinstance(subject, Run) else subject.thread_id


def _delegating(seam: str) -> Callable[..., Any]:
    """Return a method that passes a decision on to the nearest policy inside that makes it."""

    def decide(self: Defect, *arguments: Any, **named: Any) -> Any:
        inner = self.inner
        # As in `answer`.
        while isinstance(inner, Defect) and getattr(type(inner), seam) is decide:
            inner = inner.inner
        return getattr(inner, seam)(*arguments, **named)

    return decide


# Generated, because a seam that is added to `Policy` and forgotten here would bypass every defect below.
for _seam in SEAMS - {"answer"}:
    setattr(Defect, _seam, _delegating(_seam))
