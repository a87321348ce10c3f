"""A script: what the scripted agent says to which messages, as typed data read from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from conformance.probe import place_asked_for

GUIDE = Path(__file__).parent / "scripts" / "guide.json"
"""The conversation of the double-texting guides, with the guides' own texts and call ids."""


class ScriptError(Exception):
    """A script that cannot be used; the text names the file and the place in it."""


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation: the tool call, its result, the answer."""

    call_id: str
    query: str
    result: str
    answer: str


class Forecast(Texts, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The conversation about one place, in lower case."""

    place: str


class Seconds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long steps take in a run for people, in seconds of scripted time."""

    call: float = 0.0
    tool: float = 0.0
    answer: float = 0.0


class Custom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each node writes to the `custom` stream when it begins its work."""

    agent: tuple[Any, ...] = ()
    tools: tuple[Any, ...] = ()


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What the agent says. `{place}`, `{slug}` and `{text}` in the texts stand for what was matched."""

    tool: str
    forecasts: tuple[Forecast, ...]
    elsewhere: Texts
    unmatched: str
    seconds: Seconds = Seconds()
    custom: Custom = Custom()

    @cached_property
    def _by_place(self) -> Mapping[str, Forecast]:
        return {forecast.place: forecast for forecast in self.forecasts}

    def conversation(self, text: str) -> Texts | None:
        """The conversation that a human message asks for; None for a message that asks for no weather."""
        place = place_asked_for(text)
        if place is None:
            return None
        known = self._by_place.get(place)
        return known if known is not None else self._elsewhere(place)

    def answer_to_unmatched(self, text: str) -> str:
        """The plain answer to a message that asks for no weather."""
        return self.unmatched.replace("{text}", text)

    def _elsewhere(self, place: str) -> Texts:
        slug = re.sub(r"[^a-z0-9]+", "_", place)
        return Texts(
            *(
                getattr(self.elsewhere, name).replace("{place}", place).replace("{slug}", slug)
                for name in Texts.__struct_fields__
            )
        )


def load(path: Path = GUIDE) -> Script:
    """The script in a JSON file. Raises `ScriptError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Script)
    except OSError as error:
        raise ScriptError(f"cannot read the script {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ScriptError(f"{path}: {error}") from error


def tokens(text: str) -> list[str]:
    """A text in the pieces in which it is streamed; each keeps its trailing white space, and joined they are it."""
    return re.findall(r"\s*\S+\s*", text) or [text]
