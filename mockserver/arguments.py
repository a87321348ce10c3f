"""The refusal of arguments that a function or a type does not take, with the nearest right one.

Python's own message names the wrong argument and none of the right ones. The arguments are examined only after a call
has failed, so a right call costs nothing more.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, TypeVar, cast

import msgspec

from mockserver.words import nearest, some

P = ParamSpec("P")
T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

Hint = tuple[Collection[str], str]
"""Names that belong elsewhere, and where."""

NO_HINT: Final[Hint] = ((), "")


def explains(
    function: Callable[P, T],
    meant: Mapping[str, str],
    more: Collection[str] = (),
    hint: Hint = NO_HINT,
    done: Callable[[str], Any] | None = None,
) -> Callable[P, T]:
    """Return a function whose TypeError for a wrong argument names the nearest right one.

    `meant` maps words of other tools to arguments, `more` has the names that `**` takes, and `hint` the names that
    belong elsewhere. `done` returns what a function with this name returns in place of None.
    """
    # One that may return None, beside something else, returns None.
    replaces = function.__annotations__.get("return") == "None"

    @functools.wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> T:
        try:
            found = function(*given, **named)
        except (TypeError, ValueError) as error:
            # A ValueError is about a name that `**` does not take, and says so, unless an argument was meant.
            sure = isinstance(error, TypeError)
            text = _problem(function, given, named, _Words(meant, more, hint, sure=sure))
            if text is None:
                raise
        else:
            return cast(T, done(function.__name__)) if replaces and done is not None and found is None else found
        # Outside the handler, which would print both errors.
        raise TypeError(text)

    return call


class _Words(NamedTuple):
    """The names that a call may have meant."""

    meant: Mapping[str, str]
    more: Collection[str] = ()
    hint: Hint = NO_HINT
    sure: bool = True


def _problem(
    function: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any], words: _Words
) -> str | None:
    """Return what is wrong with the arguments of a call, or None if nothing is."""
    name = "MockDeployment" if function.__name__ == "__init__" else function.__name__
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    known = [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    every = list(dict.fromkeys((*known, *words.more)))
    for wrong in (one for one in named if one not in every):
        if words.sure or nearest(wrong, every, words.meant) in known:
            return _unknown(f"{name}()", "argument", wrong, every, words)
    if words.sure and not (given and hasattr(given[0], function.__name__)):
        return (
            f"{name}() was called on the class. Call it on a deployment: `with MockDeployment() as mock: mock.{name}()`"
        )
    missing = [
        one.name
        for one in parameters[len(given) - 1 :]
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD and one.name not in named
    ]
    if missing and words.sure:
        return f"{name}() needs {_listed(missing)}. The arguments are {some(every)}"
    by_place = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    # The first one is `self`.
    count = len(given) - 1
    if count > len(by_place) and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
        takes = f"only {_listed(by_place)}" if by_place else "no values"
        others = [one for one in every if one not in by_place]
        rest = f"Name the others: {some([f'{one}=' for one in others])}" if others else "Remove the others"
        values = "1 value" if count == 1 else f"{count} values"
        return f"{name}() takes {takes} without a name, and got {values}. {rest}"
    return None


class Explained(msgspec.StructMeta):
    """The type of msgspec types that users create in Python, and whose wrong fields are refused with the right ones.

    msgspec checks the values of what it reads, and not of what Python creates: `check_values` of a type, if it has one,
    is called for these.
    """

    if not TYPE_CHECKING:
        # Not for mypy, which would accept every field.
        def __call__(self, *given: Any, **named: Any) -> Any:
            """Return an instance. Raises TypeError for a wrong field, and what the type itself raises."""
            try:
                made = super().__call__(*given, **named)
            except TypeError as error:
                text = _wrong_field(self, given, named) or f"{self.__name__}: {error}"
            else:
                if hasattr(made, "check_values"):
                    made.check_values()
                return made
            # Outside the handler, which would print both errors.
            raise TypeError(text)


def _wrong_field(kind: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> str | None:
    fields = kind.__struct_fields__
    for wrong in named:
        if wrong not in fields:
            return _unknown(kind.__name__, "field", wrong, fields, _Words(getattr(kind, "meant", {})))
    if given:
        return f"{kind.__name__} takes its fields by name: {kind.__name__}({fields[0]}=...)"
    return None


def _unknown(owner: str, kind: str, wrong: str, known: Collection[str], words: _Words) -> str:
    near = nearest(wrong, known, words.meant)
    elsewhere, where = words.hint
    suggestion = f" {where}" if wrong in elsewhere else f" Did you mean `{near}`?" if near is not None else ""
    several = f"The {kind}s are" if len(known) > 1 else f"The only {kind} is"
    listed = f" {several} {some(known)}" if known else " It takes none"
    return f"{owner} has no {kind} `{wrong}`.{suggestion}{listed}"


def _listed(names: Collection[str]) -> str:
    return " and ".join(f"`{one}`" for one in names)


def explained_methods(
    kind: type,
    meant: Mapping[str, str],
    more: Mapping[str, Collection[str]],
    hints: Mapping[str, Hint],
    done: Callable[[str], Any] | None = None,
) -> None:
    """Replace the public methods of a class, and its constructor, by ones whose errors name the right argument."""
    for name, function in list(_public(kind)):
        setattr(kind, name, explains(function, meant, more.get(name, ()), hints.get(name, NO_HINT), done))


def _public(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, one in vars(kind).items():
        if inspect.isfunction(one) and (name == "__init__" or not name.startswith("_")):
            yield name, one
