"""The exceptions with which a check ends when there is no PASS."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar


class Broken(Exception):  # noqa: N818 -- a finding about a deployment, not an error of the suite
    """A broken requirement.

    It carries the expected and the observed behaviour, and the seqs of the moments that show it.
    """

    def __init__(self, expected: str, observed: str, *see: int) -> None:
        super().__init__(f"expected {expected}; observed {observed}")
        self.expected = expected
        self.observed = observed
        self.see = see


ABSENT = "under [[absent]] in the profile"
"""The end of a reason that proposes a declaration. See `declarable`."""


def declare(scenarios: str) -> str:
    """Return the end of a reason, which declares that what these scenarios need is not offered."""
    return f"declare `scenario = {json.dumps(scenarios)}` {ABSENT}"


def declarable(reason: str) -> str | None:
    """Return the pattern of the scenarios that a reason proposes to declare absent, or None."""
    found = re.search(rf'`scenario = "([^"`]+)"` {re.escape(ABSENT)}', reason)
    return found[1] if found else None


P = ParamSpec("P")
T = TypeVar("T")

NAMED = 6
"""The number of broken facts that one finding names. It counts the others."""

_collected: ContextVar[list[Broken] | None] = ContextVar("_collected", default=None)


def expect(condition: bool, expected: str, observed: str, *see: int) -> None:
    """Raise Broken unless `condition` holds. In a check of `all_facts`, only note it."""
    if condition:
        return
    broken = Broken(expected, observed, *see)
    facts = _collected.get()
    if facts is None:
        raise broken
    facts.append(broken)


def all_facts(check: Callable[P, T]) -> Callable[P, T]:
    """Let a check continue behind a fact that does not hold, and name all such facts in one finding.

    What a check cannot do without, it demands with `raise Broken` or `Unproven`, which ends it as usual.
    """

    @functools.wraps(check)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        # A check that uses another one names the facts of both.
        if _collected.get() is not None:
            return check(*args, **kwargs)
        facts: list[Broken] = []
        token = _collected.set(facts)
        try:
            result = check(*args, **kwargs)
        except Broken as last:
            facts.append(last)
        except Unproven:
            # A broken fact is proven, even where the record does not show the next one.
            if not facts:
                raise
        finally:
            _collected.reset(token)
        if facts:
            raise _joined(facts)
        return result

    return whole


def _joined(facts: list[Broken]) -> Broken:
    """Return one finding that names these facts, each once."""
    different = list({(fact.expected, fact.observed): fact for fact in facts}.values())
    if len(different) == 1:
        return different[0]
    named = different[:NAMED]
    observed: dict[str, list[str]] = {}
    for fact in named:
        observed.setdefault(fact.expected, []).append(fact.observed)
    more = f", and {len(different) - NAMED} more" if len(different) > NAMED else ""
    # Numbered, so that the observed facts need not repeat the expected ones.
    numbers = [f"({number}) " if len(observed) > 1 else "" for number in range(1, len(observed) + 1)]
    return Broken(
        ", ".join(map("".join, zip(numbers, observed, strict=True))),
        ", ".join(f"{number}{', '.join(texts)}" for number, texts in zip(numbers, observed.values(), strict=True))
        + more,
        *dict.fromkeys(seq for fact in named for seq in fact.see),
    )


class Unproven(Exception):  # noqa: N818 -- not an error: it leads to the verdict INCONCLUSIVE
    """A record that does not show what a check needs. The text names the missing fact and the reason."""

    def __init__(self, why: str, *see: int) -> None:
        super().__init__(why)
        self.see = see


class Inapplicable(Exception):  # noqa: N818 -- not an error: it leads to the verdict NOT-APPLICABLE
    """A deployment without the optional thing that a requirement is about. The text names it and its source."""
