"""Patterns of requests as the control API receives them.

JSON has no objects that are equal to several values, so two objects stand for those of Python: `{"$including": part}`
for `Including(part)`, and `{"$any": true}` for `unittest.mock.ANY`. Both may be inside other values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta

from mockserver.control.errors import UsageError
from mockserver.control.matchers import Including, RequestPattern
from mockserver.schemas.common import Body
from mockserver.words import nearest

INCLUDING: Final = "$including"
ANYTHING: Final = "$any"


class Wanted(Body, frozen=True, kw_only=True):
    """A pattern of requests. `having` compares `strategy`, `status` and `busy`, and other names with the body."""

    method: str = "*"
    path: str = "*"
    having: dict[str, Any] | None = None

    def pattern(self) -> RequestPattern:
        """Return the pattern. Raises `UsageError` for what no request can match."""
        having = self.having or {}
        return RequestPattern(self.method, self.path, **{name: _value(one) for name, one in having.items()})


class Assertion(Body, frozen=True, kw_only=True):
    """A requirement on the requests: one `request`, `times` or `at_least` so often, or several `in_order`."""

    request: Wanted | None = None
    in_order: Annotated[list[Wanted | str], Meta(min_length=1)] | None = None
    times: int | None = None
    at_least: int | None = None

    def patterns(self) -> Sequence[RequestPattern]:
        """Return the patterns of `in_order`. Raises `UsageError`."""
        given = self.in_order or ()
        return [RequestPattern.of(one) if isinstance(one, str) else one.pattern() for one in given]


def _value(given: Any) -> Any:
    """Return a value of `having` with Python's objects in place of those that stand for them."""
    if isinstance(given, list):
        return [_value(one) for one in given]
    if not isinstance(given, dict):
        return given
    if given.keys() == {ANYTHING}:
        # Imported here: few tests write a pattern with `$any`, and every start would pay for the import.
        from unittest.mock import ANY

        return ANY
    if given.keys() == {INCLUDING}:
        return Including(_value(given[INCLUDING]))
    for name in given:
        # Other names with this sign may be operators of a filter, such as `$gt`.
        if name.startswith("$") and (near := nearest(name, (INCLUDING, ANYTHING))) is not None:
            alone = " It needs an object of its own" if near == name else ""
            raise UsageError(f"`having` has no `{name}` here. Did you mean `{near}`?{alone}")
    return {name: _value(one) for name, one in given.items()}
