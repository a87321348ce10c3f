"""The distribution of the suite by pytest-xdist: all tests of one scenario go to one worker."""

from __future__ import annotations

from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]


class ScenarioScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers are untyped
    """xdist's default distribution, except that tests of the suite stay together by scenario."""

    # Each worker has its own player. A scenario that is split between workers would be played once on each.
    def _split_scope(self, nodeid: str) -> str:
        """Return the id up to the requirement for a test of the suite, and the whole id for any other test."""
        # The scheduler on the controller knows only ids. A test of the suite has a `::` inside its brackets.
        is_case = "[" in nodeid and nodeid.endswith("]") and "::" in nodeid.partition("[")[2]
        return nodeid.rpartition("::")[0] if is_case else nodeid
