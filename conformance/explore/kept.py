"""The durable form of a history: a JSON file that anybody can play again, with what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from conformance.scenarios.scenario import Scenario

FORMAT: Literal["doubletext-history"] = "doubletext-history"
VERSION: Literal[1] = 1


class UnreadableHistory(Exception):  # noqa: N818 -- a fault of the file
    """A file is not a history. The text is a one-line reason."""


class KeptHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A history as moves, the law that it broke, and how often.

    `law` and `shape` identify the finding. `why` names what no order explains, and `order` is the one that comes
    furthest. If `law` is a requirement of the rule book, `why` has what it expected, and there is no order. The history
    was drawn from `seed` with this version of `hypothesis`. It broke the law in `failures` of its last `plays`, and
    `seen` other histories broke it, too.
    """

    format: Literal["doubletext-history"] = FORMAT
    version: Literal[1] = VERSION
    scenario: Scenario
    law: str
    level: Literal["MUST", "SHOULD"] = "MUST"
    shape: str
    why: str
    order: tuple[str, ...]
    seed: int
    hypothesis: str
    plays: int
    failures: int
    seen: int = 0

    @property
    def key(self) -> str:
        """The finding that this history shows."""
        return f"{self.law}: {self.shape}" if self.shape else self.law


def encode(history: KeptHistory) -> bytes:
    """Return a history as indented JSON in UTF-8."""
    return msgspec.json.format(msgspec.json.encode(history), indent=1) + b"\n"


def read(path: Path) -> KeptHistory:
    """Return the history in a file. Raise UnreadableHistory."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptHistory)
    except OSError as error:
        raise UnreadableHistory(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise UnreadableHistory(f"{path} is not a history: {error}") from None
