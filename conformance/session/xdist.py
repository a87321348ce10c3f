"""How pytest-xdist hands out the suite: all tests of one scenario to one worker."""

from __future__ import annotations

from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]


class ScenarioScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers are untyped
    """xdist's default distribution, but for tests of the suite, which stay together by scenario."""

    def _split_scope(self, nodeid: str) -> str:
        """Everything before the requirement for a case, the whole id for any other test."""
        is_case = "[" in nodeid and nodeid.endswith("]") and "::" in nodeid.partition("[")[2]
        return nodeid.rpartition("::")[0] if is_case else nodeid
