"""What a defect is: rules with one seam replaced, around the rules that it spoils."""

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
"""What a defect can override: a decision of the rules, or `answer`, which stands between the wire and the routes."""


class Defect(Policy):
    """One wrong behaviour. What it does not override it leaves to `right`, so that several can be on at once.

    In a subclass `super()` means the rules that are spoiled. Whatever it does wrong it does only where `strikes` says
    so, and otherwise the right thing; so a defect can be armed for its next few occurrences.

    The first paragraph of a subclass's docstring is its summary. A defect that is listed in the registry states `id`,
    `seen` and `client`. One that a test makes for itself needs none of them.
    """

    id: ClassVar[str]
    """Its number in the list, `D01` and so on. A number is never used again."""
    seen: ClassVar[tuple[str, ...]]
    """The links (or words) that say where it was seen. Empty if it was made to show that a requirement is checked."""
    client: ClassVar[str]
    """What a client sees of it, in one sentence."""
    former_names: ClassVar[tuple[str, ...]] = ()
    """Names that it had in earlier releases, and that still switch it on and off."""

    def __init__(self, times: int | None = None) -> None:
        self.right: Policy = Policy()
        self.left = times
        """How often it may still strike; None: for ever."""
        self.chances = 0
        """How often it could have struck."""
        self._struck: set[str] = set()

    @classmethod
    def name(cls) -> str:
        """The name under which people switch it on: `GhostRun` is `ghost_run`, `Reject422` is `reject_422`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def summary(cls) -> str:
        """What it gets wrong, in one sentence."""
        return " ".join((getdoc(cls) or "").partition("\n\n")[0].split())

    def strikes(self, subject: Run | Thread | str | None = None) -> bool:
        """Whether to do the wrong thing now. What befell a run or thread befalls it again, and counts once.

        Without a subject every call is an occurrence of its own.
        """
        if subject is not None and self.struck(subject):
            return True
        self.chances += 1
        if self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        if subject is not None:
            self._struck.add(_key(subject))
        return True

    def struck(self, subject: Run | Thread | str) -> bool:
        """Whether it has befallen this run or thread."""
        return _key(subject) in self._struck

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request; `handler` is the rest of the deployment, which answers rightly."""
        return await (self.right.answer(request, handler) if isinstance(self.right, Defect) else handler(request))


def _key(subject: Run | Thread | str) -> str:
    if isinstance(subject, str):
        return subject
    return subject.run_id if isinstance(subject, Run) else subject.thread_id


def _passed_on(seam: str) -> Callable[..., Any]:
    def decide(self: Defect, *arguments: Any, **named: Any) -> Any:
        return getattr(self.right, seam)(*arguments, **named)

    return decide


for _seam in SEAMS - {"answer"}:
    setattr(Defect, _seam, _passed_on(_seam))
