"""The refusal of a word that has no meaning where a user wrote it: the nearest right word, and those that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

SHOWN: Final = 20
"""The number of words in a message. Hundreds would hide what the message states."""

CUTOFF: Final = 0.5
"""The least similarity of a word that is suggested. Below the default of 0.6, because most words are short."""

SURE: Final = 0.65
"""The similarity from which a word is suggested though it begins with another letter. `role` is not `parallel`."""

_UNIT: Final = re.compile(r"_?(ms|millis|milliseconds|secs|seconds)$")

LONGEST: Final = 80
"""The number of characters of a wrong word in a message."""


def nearest(word: object, known: Iterable[str], meant: Mapping[str, str] | None = None) -> str | None:
    """Return the known word that is most similar to a wrong one, None if none is.

    `meant` maps words of other tools, which are not similar, to the known ones. A word that is not known here is not
    suggested.
    """
    text, words = str(word).strip().casefold(), list(known)
    by_case = {one.casefold(): one for one in words}
    # `delayMs` and `delay_ms` mean what `delay` does.
    for one in (text, _UNIT.sub("", text)):
        if one in by_case:
            return by_case[one]
        if meant is not None and meant.get(one) in words:
            return meant[one]
    # The dashes of two options make no option similar to the other.
    bare, by_bare = text.lstrip("-"), {one.lstrip("-"): right for one, right in by_case.items()}
    # Imported here: only the text of a mistake needs it, and every start would pay for it.
    import difflib

    for one in difflib.get_close_matches(bare, by_bare, cutoff=CUTOFF):
        if one[:1] == bare[:1] or similarity(bare, one) >= SURE:
            return by_bare[one]
    return None


def similarity(one: str, other: str) -> float:
    """Return a number from 0 to 1, which is that of equal words."""
    import difflib  # a second time, as above

    return difflib.SequenceMatcher(None, one, other).ratio()


def similar_path(path: str, known: Iterable[str]) -> str | None:
    """Return the path whose parts are most similar to those of an unknown one, None if one of them is not similar.

    The parts are compared one by one: `/threads/{id}/cancel` shares most of its letters with `/threads/{id}/state`.
    """
    parts, found = path.split("/"), {}
    for one in known:
        others = one.split("/")
        if len(others) == len(parts):
            # The empty texts in front of the first slash are equal.
            similar = [similarity(part, other) for part, other in zip(parts, others, strict=True)]
            if min(similar) >= SURE:
                found[one] = sum(similar)
    return max(found, key=lambda one: found[one], default=None)


def unknown(
    kind: str, word: object, known: Iterable[str], *, meant: Mapping[str, str] | None = None, plural: str | None = None
) -> str:
    """Return the text that refuses a word: `kind` says what it should be the name of."""
    words = list(known)
    near = nearest(word, words, meant)
    suggestion = f" Did you mean {quoted(near)}?" if near is not None else ""
    plural = plural or f"{kind}s"
    listed = f"The {plural} are {some(words)}" if words else f"There are no {plural}"
    return f"there is no {kind} {quoted(word)}.{suggestion} {listed}"


def quoted(word: object) -> str:
    """Return a word for a message: a text in backquotes, any other value as JSON, and each shortened."""
    # JSON escapes control characters, which a terminal would execute.
    text = json.dumps(word, default=repr, ensure_ascii=False)
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return f"`{short[1:-1]}`" if isinstance(word, str) and short == text and '"' not in text[1:-1] else short


def some(words: Iterable[str], shown: int = SHOWN) -> str:
    """Return a list of words for people, and how many there are more."""
    known = list(words)
    more = f" and {len(known) - shown} more" if len(known) > shown else ""
    return ", ".join(known[:shown]) + more
