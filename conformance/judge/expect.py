"""The exceptions with which a check ends when there is no PASS."""

from __future__ import annotations


class Broken(Exception):  # noqa: N818 -- a finding about a deployment, not an error of the suite
    """A broken requirement.

    It carries the expected and the observed behaviour, and the seqs of the moments that show it.
    """

    def __init__(self, expected: str, observed: str, *see: int) -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = observed
        self.see = see


def expect(condition: bool, expected: str, observed: str, *see: int) -> None:
    """Raise Broken unless `condition` holds."""
    if not condition:
        raise Broken(expected, observed, *see)


class Unproven(Exception):  # noqa: N818 -- not an error: it leads to the verdict INCONCLUSIVE
    """A record that does not show what a check needs. The text names the missing fact and the reason."""

    def __init__(self, why: str, *see: int) -> None:
        super().__init__(why)
        self.see = see


class Inapplicable(Exception):  # noqa: N818 -- not an error: it leads to the verdict NOT-APPLICABLE
    """A deployment without the optional thing that a requirement is about. The text names it and its source."""
