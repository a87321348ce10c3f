"""The cases that `-k` leaves out for certain, of which no tests are made.

To make fifteen thousand tests and to deselect all but one takes longer than to play that one. So where the expression
has words that only the ids of cases can match, the other cases are left out before. What any of the other words match
is unknown here, because markers add names to a test. A case is left out only if the expression is false whatever they
match. pytest deselects by the same expression once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import Final

import pytest
from _pytest.mark.expression import Expression

from conformance.session.runtest import is_hooked
from conformance.session.session import Case

_OF_IDS: Final = re.compile(r"[^\[\]]*(/|::)[^\[\]]*|[a-z]{3}-\d\d")
"""The words that only the id of a case matches: those with a slash or two colons, and the ids of requirements.

A word with a bracket is a part of the name of a test, in which the id of the case is in brackets.
"""

_MOST: Final = 6
"""The number of unknown words up to which all that they may match is tried."""


_ADDING_WORDS: Final = ("pytest_itemcollected", "pytest_collection_modifyitems")
"""The hooks in which a user may add words to a test."""


def without_excluded(config: pytest.Config, file: pytest.Module, cases: list[Case]) -> list[Case]:
    """Return the cases of a file without those that the `-k` of this run leaves out for certain."""
    # A test that is named must be there, also where `-k` leaves it out.
    named = any("::" in argument for argument in config.args)
    if not config.option.keyword or named or is_hooked(config, _ADDING_WORDS):
        return cases
    keywords = Keywords(config.option.keyword, [node.name for node in file.listchain()])
    return [case for case in cases if not keywords.exclude(case.id)]


class Keywords:
    """The expression of `-k` for the tests of one file. `names` are those that all of these tests have."""

    def __init__(self, expression: str, names: Iterable[str]) -> None:
        words = set(re.split(r"[\s()]+", expression.lower())) - {"", "and", "or", "not"}
        shared = " ".join(names).lower()
        self._of_ids = sorted(one for one in words if _OF_IDS.fullmatch(one) and one not in shared)
        self._unknown = sorted(words.difference(self._of_ids))
        certain = self._of_ids and len(self._unknown) <= _MOST and "=" not in expression  # `name(key=value)`
        self._expression = _compiled(expression) if certain else None
        self._excluded: dict[tuple[bool, ...], bool] = {}
        """True if the expression is false, by what each of the words of ids matches."""

    def exclude(self, case: str) -> bool:
        """Return whether the expression leaves out the case with this id, whatever else its test is called."""
        if self._expression is None:
            return False
        text = case.lower()
        matched = tuple([one in text for one in self._of_ids])
        if matched not in self._excluded:
            self._excluded[matched] = not any(
                self._evaluate(self._expression, matched, others)
                for others in product((False, True), repeat=len(self._unknown))
            )
        return self._excluded[matched]

    def _evaluate(self, expression: Expression, matched: tuple[bool, ...], others: tuple[bool, ...]) -> bool:
        given = dict(zip((*self._of_ids, *self._unknown), (*matched, *others), strict=True))
        # A word that pytest reads in another way may match anything.
        return expression.evaluate(lambda word, /, **_: given.get(word.lower(), True))


def _compiled(expression: str) -> Expression | None:
    """Return the compiled expression, or None if it has an error, which pytest reports."""
    try:
        return Expression.compile(expression.lstrip())
    except Exception:  # noqa: BLE001 - the class of the error depends on the version of pytest
        return None
