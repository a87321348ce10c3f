"""JSON as text, for errors and texts that quote a value."""

from __future__ import annotations

import msgspec


def as_json(value: object) -> str:
    """Return a value as JSON text. A value that JSON cannot express is quoted as Python spells it."""
    # People who read the texts of a server know its API, which is JSON: `null` and `true`, not `None` and `True`.
    return msgspec.json.encode(value, enc_hook=repr).decode()
