"""Parts of a request without effect: the published description allows them and gives them no meaning.

They are ignored, as by the official server, and noted in the journal for the checks of the client's conduct. A strict
deployment refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import msgspec

from mockserver.schemas.known import known_part

T = TypeVar("T")

IGNORED: Final = ContextVar[list[str] | None]("ignored", default=None)
"""The list of what was ignored in the current request. None: nothing is ignored, because the deployment is strict."""


class MeaninglessError(Exception):
    """A request that a strict deployment refuses. The text states what has no effect."""


def ignore(reason: str) -> None:
    """Note a part of the current request that has no effect. Raises `MeaninglessError` in a strict deployment."""
    ignored = IGNORED.get()
    if ignored is None:
        raise MeaninglessError(reason)
    if reason not in ignored:
        ignored.append(reason)


def accepted(raw: Any, schema: Any, parse: Callable[[Any], T], undescribed: Collection[str] = ()) -> tuple[T, Any]:
    """Return a value that `parse` makes of JSON, and the JSON without the fields that have no meaning.

    Raises the `ValidationError` of `parse`.
    """
    try:
        return parse(raw), raw
    except msgspec.ValidationError:
        known, reasons = known_part(raw, schema, undescribed)
        if reasons and IGNORED.get() is None:
            raise
        found = parse(known)
        for reason in reasons:
            ignore(reason)
        return found, known
