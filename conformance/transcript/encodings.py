"""The encodings in which a deployment may echo a secret: URLs, JSON, HTML, Python's `repr`, and base64.

Texts are decoded before they are searched, instead of encoding the secret. Every layer that a text went through may
have escaped other signs, so one secret has countless spellings, but each of them decodes to the same text.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

MAX_LAYERS: Final = 8
"""Escapes within escapes that are decoded. A URL in a query in a JSON text in another JSON text has four."""

MIN_BASE64: Final = 6
"""The least length of a piece of base64 that is searched for. Four bytes fill five letters whatever is around them."""

_ESCAPES: Final = re.compile(
    r"(?P<percent>(?:%[0-9a-f]{2})+)"
    r"|(?P<unicode>(?:\\+u[0-9a-f]{4})+)"
    r"|(?P<bytes>(?:\\+x[0-9a-f]{2})+)"
    r"|\\+(?P<sign>[\"'/\\])"
    r"|(?P<entity>&(?:#[0-9]{1,12};?|#x[0-9a-f]{1,10};?|[a-z]{2,8};))",
    re.IGNORECASE,
)


_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_BASE64_LINES: Final = re.compile(r"[A-Za-z0-9+/_-]{20,}(?:\r?\n[A-Za-z0-9+/_-]+)+={0,2}")


def has_escapes(text: str) -> bool:
    """Return whether there is anything in a text to decode."""
    return _ESCAPES.search(text) is not None


def decoded(text: str) -> tuple[str, list[int]]:
    """Return a text without escapes, and for each of its signs, and for its end, the position in the text as it was."""
    starts = list(range(len(text) + 1))
    for _ in range(MAX_LAYERS):
        if not has_escapes(text):
            break
        text, inner = _one_layer(text)
        starts = [starts[position] for position in inner]
    return text, starts


def base64_pieces(secret: str) -> Iterator[str]:
    """Yield what base64 makes of a secret, wherever in a longer text it begins, in both alphabets.

    Three bytes become four letters, so the letters depend on where in a group of three the secret begins. Those at
    either end, which also depend on what is around it, are left out.
    """
    raw = secret.encode(errors="surrogatepass")
    for before, dropped in ((0, 0), (1, 2), (2, 3)):
        letters = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        whole = letters[dropped : -1 if (before + len(raw)) % 3 else None]
        if len(whole) >= MIN_BASE64:
            yield from {whole, whole.replace("+", "-").replace("/", "_")}


def base64_runs(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the start, the end and the decoded text of everything in a text that may be base64.

    Words and ids decode as well, to text without a meaning. Lines are taken alone and together, as in MIME.
    """
    for runs in (_BASE64, _BASE64_LINES):
        for found in runs.finditer(text):
            # Most long words are ids in lower case, which base64 of a text of this length is not.
            if found[0].islower() or found[0].isupper() or found[0].isdigit():
                continue
            letters = "".join(found[0].split()).rstrip("=").replace("-", "+").replace("_", "/")
            # Letters that stand before the base64, such as the end of an escape, shift the groups of four.
            for skipped in range(4):
                rest = letters[skipped:]
                whole = rest[: len(rest) - (len(rest) % 4 == 1)]
                raw = base64.b64decode(whole + "=" * (-len(whole) % 4))
                yield found.start(), found.end(), raw.decode("utf-8", "replace")


def _one_layer(text: str) -> tuple[str, list[int]]:
    """Decode every escape of a text once."""
    signs: list[str] = []
    starts: list[int] = []
    end = 0
    for found in _ESCAPES.finditer(text):
        signs.append(text[end : found.start()])
        starts.extend(range(end, found.start()))
        for sign, start in _signs(found):
            signs.append(sign)
            starts.extend([start] * len(sign))
        end = found.end()
    signs.append(text[end:])
    starts.extend(range(end, len(text) + 1))
    return "".join(signs), starts


def _signs(found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Yield the signs that an escape, or a run of escapes, stands for, each with its position."""
    if found["percent"] or found["bytes"]:
        parts = list(re.finditer(r"(?:%|\\+x)([0-9a-f]{2})", found.group(), re.IGNORECASE))
        raw = bytes(int(part[1], 16) for part in parts)
        yield from zip(*_text_of(raw, [found.start() + part.start() for part in parts]), strict=True)
    elif found["unicode"]:
        parts = list(re.finditer(r"\\+u([0-9a-f]{4})", found.group(), re.IGNORECASE))
        raw = b"".join(int(part[1], 16).to_bytes(2, "big") for part in parts)
        text = raw.decode("utf-16-be", "surrogatepass")
        units = accumulate((1 + (sign > "\uffff") for sign in text), initial=0)
        yield from ((sign, found.start() + parts[unit].start()) for sign, unit in zip(text, units, strict=False))
    else:
        yield found["sign"] or html.unescape(found["entity"]), found.start()


def _text_of(raw: bytes, positions: list[int]) -> tuple[list[str], list[int]]:
    """Return the signs of UTF-8, or of single bytes where it is not UTF-8, and their positions."""
    try:
        signs = list(raw.decode())
    except UnicodeDecodeError:
        return list(raw.decode("latin-1")), positions
    lengths = accumulate((len(sign.encode()) for sign in signs), initial=0)
    return signs, [positions[index] for index, _ in zip(lengths, signs, strict=False)]
