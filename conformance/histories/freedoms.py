"""The choices that the documents leave to a server, each with its source. A profile can narrow them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec


class Freedoms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The nondeterminism that the model admits. Every field is one choice, and the default is the widest reading."""

    late_commit: bool = True
    """A finished step may be persisted while the next step executes, and is then certain to be persisted.

    Source: durability `async` (https://docs.langchain.com/oss/python/langgraph/durable-execution).
    """

    stopping_is_idle: bool = True
    """A run that is being stopped need not count as in flight for `reject` and for an update of the state.

    Source: the guide of `reject` speaks of an existing run and does not say whether a stopping one counts
    (https://docs.langchain.com/langsmith/reject-concurrent). The oracle admits both, too (rule 8).
    """

    late_stop: bool = True
    """A run may finish its last step before the stop reaches it, and is then `success` or `error`.

    Source: https://github.com/langchain-ai/deepagents/pull/6257. The oracle admits both, too (rule 6).
    """

    parked_is_interrupted: bool = True
    """A run that waits for a human may show `interrupted` instead of `success`.

    Source: the published description names both statuses and defines neither for `interrupt()`. HIL-02 judges it.
    """

    lag: float = 0.25
    """Seconds for which a reading may show an earlier state, because rows are written one after another.

    Source: `conformance.api.LAG`.
    """


DEFAULT: Final = Freedoms()
"""Everything that any correct server may do."""

EXACT: Final = Freedoms(late_commit=False, stopping_is_idle=False, late_stop=True, parked_is_interrupted=False, lag=0.0)
"""The choices of the mock, whose changes are indivisible. `late_stop` remains: a stop can meet the end of a run."""


def narrowed(freedoms: Freedoms, choices: Mapping[str, bool | float]) -> Freedoms:
    """Return the freedoms of a server that declares some of them. Raise ValueError for a choice that does not exist."""
    try:
        return msgspec.convert({**msgspec.structs.asdict(freedoms), **choices}, Freedoms)
    except msgspec.ValidationError as error:
        raise ValueError(f"[exploration]: {error}. The choices are {', '.join(Freedoms.__struct_fields__)}") from None
