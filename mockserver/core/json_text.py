"""JSON as text, for errors and texts that quote a value."""

from __future__ import annotations

import json

import msgspec


def as_json(value: object) -> str:
    """Return a value as JSON text. A value that JSON cannot express is quoted as Python spells it."""
    # People who read the texts of a server know its API, which is JSON: `null` and `true`, not `None` and `True`.
    try:
        return msgspec.json.encode(value, enc_hook=repr).decode()
    except UnicodeEncodeError:
        # Bytes of a request line or a header that are not UTF-8 reach the server as lone surrogates.
        return json.dumps(msgspec.to_builtins(value, enc_hook=repr))
