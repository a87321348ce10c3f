"""The reduction of a history to what still fails.

Hypothesis shrinks the *choices* from which something was drawn. The choices of a random history are a poor thing to
shrink: most smaller ones make quite another history. So a reduction is drawn instead, with two kinds of choices that
are independent of each other: whether each action stays, and whether each unusual field of it stays. The simplest
choice leaves it out. Every reduction is a part of the history, and about as many plays are needed as there are choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import Phase
from hypothesis import strategies as st

from conformance.explore import actions as a
from conformance.explore.arrange import Arranger
from conformance.explore.generate import find, history_of

STAYS: Final = st.integers(0, 255)
"""The choice whether something stays: 0 leaves it out. A random number is seldom 0, so most draws leave nothing out."""

BEGINNINGS: Final = 100
"""The draws of which one leaves nothing out. Hypothesis shrinks from there."""

REFERENCES: Final = ("back", "thread", "what")
"""The fields that say what an action is about. They have no simpler value."""

Kept = tuple[int, ...]
"""The choices of one action: whether it stays, and then whether each unusual value does."""


class _Origin(NamedTuple):
    """The number of the action that created a run or connected a client, and whether it is the second run of it."""

    action: int
    second: bool = False


class _Placed(NamedTuple):
    """An action of a history, and the origin of the run or of the client that it is about."""

    action: a.Action
    about: _Origin | None


class _Placing:
    """A history that is arranged action by action, with the origins of its runs and clients."""

    def __init__(self) -> None:
        self._arranger = Arranger()
        self._origins: dict[str, _Origin] = {}
        """By the labels of runs and the names of clients."""

    def add(self, action: a.Action, origin: _Origin) -> None:
        """Append an action. The second run of a `Both` has an origin of its own."""
        runs, joins = len(self._arranger.runs), self._arranger.joins
        self._arranger.add(action)
        for place, run in enumerate(self._arranger.runs[runs:]):
            self._origins[run.label] = origin if place == 0 else origin._replace(second=True)
        if self._arranger.joins > joins:
            self._origins[f"J{self._arranger.joins}"] = origin

    def about(self, action: a.Action) -> _Origin | None:
        """Return the origin of the run or of the client that an action is about, None if it is about neither."""
        back = None if getattr(action, "thread", False) else getattr(action, "back", None)
        named = self._named(action)
        return self._origins[named[-1 - back]] if back is not None and back < len(named) else None

    def back(self, action: a.Action, origin: _Origin) -> int | None:
        """Return how far back a run or a client is, None if it is not there."""
        named = self._named(action)
        return next((back for back, name in enumerate(reversed(named)) if self._origins[name] == origin), None)

    def _named(self, action: a.Action) -> list[str]:
        if isinstance(action, a.Leave):
            return self._arranger.clients
        return [run.label for run in self._arranger.runs]


def reduced(seed: int, number: int, fails: Callable[[list[a.Action]], bool]) -> list[a.Action]:
    """Return the smallest failing part that hypothesis finds of a history of the series of a seed.

    `fails` is not called for the whole history, which is known to fail. It must give the same answer again for the
    same part.
    """
    history = history_of(seed, number)
    placed = list(_placed(history))
    parts = st.tuples(*(st.tuples(*[STAYS] * (1 + len(list(_unusual(one.action))))) for one in placed))
    for draw in range(BEGINNINGS):
        began = False

        def condition(choices: Sequence[Kept]) -> bool:
            nonlocal began
            whole = all(all(kept) for kept in choices)
            began = began or whole
            return began and (whole or fails(_part(placed, choices)))

        found = find(parts, condition, Random(f"{seed}/{number}/{draw}"), Phase.generate, Phase.shrink)
        if found is not None:
            return _part(placed, found)
    return history


def _placed(history: Sequence[a.Action]) -> Iterator[_Placed]:
    placing = _Placing()
    for number, action in enumerate(history):
        yield _Placed(action, placing.about(action))
        placing.add(action, _Origin(number))


def _unusual(action: a.Action) -> Iterator[str]:
    """Yield the fields of an action that could have their usual value."""
    if isinstance(action, a.Both):
        yield from ("first", "second", "together")
        for place in ("first", "second"):
            yield from (f"{place}.{name}" for name in _unusual(getattr(action, place)))
        return
    for field in msgspec.structs.fields(action):
        if field.name not in REFERENCES and getattr(action, field.name) != field.default:
            yield field.name


def _part(placed: Sequence[_Placed], choices: Sequence[Kept]) -> list[a.Action]:
    """Return the part of a history that stays. What is about a run or a client that is gone is gone, too."""
    placing, part = _Placing(), list[a.Action]()
    for number, ((action, about), (stays, *unusual)) in enumerate(zip(placed, choices, strict=True)):
        left_out = {name for name, kept in zip(_unusual(action), unusual, strict=True) if not kept}
        for second, piece in _pieces(action, left_out) if stays else ():
            one = piece
            if about is not None:
                back = placing.back(piece, about)
                if back is None:
                    continue
                one = msgspec.structs.replace(piece, back=back)
            placing.add(one, _Origin(number, second))
            part.append(one)
    return part


def _pieces(action: a.Action, left_out: set[str]) -> list[tuple[bool, a.Action]]:
    """Return an action without these unusual values, and False. The texts of `Both` may stay one after the other.

    The second of these comes with True.
    """
    if not isinstance(action, a.Both):
        return [(False, _usual(action, left_out))]
    first, second = (
        _usual(text, {name.removeprefix(f"{place}.") for name in left_out})
        for place, text in (("first", action.first), ("second", action.second))
    )
    if not {"first", "second", "together"} & left_out:
        return [(False, a.Both(first=first, second=second))]
    texts = {"first": (False, first), "second": (True, second)}
    return [text for place, text in texts.items() if place not in left_out]


def _usual(action: Any, names: set[str]) -> Any:
    usual = {field.name: field.default for field in msgspec.structs.fields(action) if field.name in names}
    return msgspec.structs.replace(action, **usual)
