"""The verdict on the clients of a deployment, which a test requires to be clean or keeps as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mockserver.control.conduct_page import page
from mockserver.control.facts import Finding
from mockserver.web.journal import JournalEntry
from mockserver.words import unknown


class Conduct(list[Finding]):
    """The findings about the clients of a deployment, in the order of their requests."""

    def __init__(
        self,
        findings: Iterable[Finding] = (),
        requests: Sequence[JournalEntry] = (),
        rules: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(findings)
        self.requests = requests
        """The requests that were judged."""
        self.rules = rules
        """The rules that were checked, each with its description."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            meant = {
                "assertclean": "assert_clean",
                "check": "assert_clean",
                "html": "page",
                "write": "page",
                "report": "page",
            }
            raise AttributeError(
                unknown(
                    "method of the conduct",
                    name,
                    ("assert_clean", "page"),
                    meant=meant,
                    plural="methods of the conduct",
                )
            )

    def page(self, title: str = "Conduct of the client") -> str:
        """Return the findings, the requests and the rules as one HTML page, for example to keep it in CI."""
        return page(self, self.requests, self.rules, title)

    def assert_clean(self) -> None:
        """Raise AssertionError with the findings, if there are any."""
        __tracebackhide__ = True
        if self:
            count = f"{len(self)} mistake{'s' if len(self) > 1 else ''} of the client"
            lines = "\n".join(f"  {finding}" for finding in self)
            raise AssertionError(
                f"{count}:\n{lines}\nSkip a rule that your application breaks on purpose: without=[RULE]"
            )
