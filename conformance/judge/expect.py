"""How a check says that a requirement is broken, or that the record cannot show it."""

from __future__ import annotations


class Broken(Exception):  # noqa: N818 -- a finding about a deployment, not an error of the suite
    """A requirement is broken: what was expected, what was observed, and the seqs of the moments that show it."""

    def __init__(self, expected: str, observed: str, *see: int) -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = observed
        self.see = see


def expect(condition: bool, expected: str, observed: str, *see: int) -> None:
    """Raise Broken unless `condition` holds."""
    if not condition:
        raise Broken(expected, observed, *see)


class Unproven(Exception):  # noqa: N818 -- not an error: the word of the verdict that it leads to
    """The record cannot show what a check needs; the text says what is missing and why."""

    def __init__(self, why: str, *see: int) -> None:
        super().__init__(why)
        self.see = see
