"""Takes secrets out of everything that is recorded or shown: a transcript can be published as it is.

Secret are the values of the headers that the user gave, user and password of the URL, cookies, and what stands behind
a query parameter with a telling name. A deployment that echoes them in its answers does not get them recorded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import httpx

from conformance.transcript import encodings

REDACTED = "[redacted]"
SECRET_NAMES = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "cookie", "set-cookie"})

MIN_SECRET = 4
"""Shorter values are too common to be searched for in bodies; their headers are redacted all the same."""

MAX_COOKIES = 50
"""Cookies that are remembered, the newest ones: a deployment may set another one with every answer."""

MAX_DEPTH = 64
"""Levels of nesting that are gone through."""

VOCABULARY = " ".join(
    (
        "pending running error success timeout interrupted idle busy enqueue reject interrupt rollback",
        "create stream wait values updates messages custom metadata human user assistant system tool tools agent",
        "content thread_id run_id assistant_id created_at updated_at checkpoint checkpoint_id checkpoint_ns",
        "application/json text/event-stream configurable input output loop source status kwargs tasks next true false",
        "parent_config multitask_strategy",
    )
)
"""Words of the API. A header with such a value holds no secret, and redacting it would make nonsense of answers."""

_SCHEMES = frozenset({"Bearer", "Basic", "Token"})
_QUERY = re.compile(
    r"([?&][^=&\s\"'?]{0,40}(?:token|key|secret|password|signature)[^=&\s\"'?]{0,40}=)[^&\s\"'#;]+", re.IGNORECASE
)
_USER = re.compile(r"(://)[^\s/@\"']{1,500}@")


class TooDeep(Exception):  # noqa: N818 -- a finding about an answer
    """A JSON value is nested deeper than anything that a deployment means to say."""


class Redactor:
    """Takes secrets out of text, JSON, headers and URLs; `headers` and `url` are what the user gave."""

    def __init__(self, headers: Mapping[str, str], url: httpx.URL | None = None) -> None:
        self._names = SECRET_NAMES | {name.lower() for name in headers}
        self._given: set[str] = set()
        self._cookies: deque[str] = deque(maxlen=MAX_COOKIES)
        for value in headers.values():
            self._given |= _searched_for(value)
        if url is not None and url.userinfo:
            user_and_password = unquote(url.userinfo.decode("ascii", "replace"))
            self._given |= _searched_for(user_and_password)
            self._given |= _searched_for(user_and_password.partition(":")[2])
            self._given |= _searched_for(base64.b64encode(user_and_password.encode()).decode())
        self._sort()

    def learn_cookie(self, line: str) -> None:
        """From now on the value of this Set-Cookie line is a secret: the client sends it, and it may be echoed."""
        for value in _searched_for(line.partition(";")[0].partition("=")[2]):
            if value not in self._values:
                self._cookies.append(value)
                self._sort()

    def _sort(self) -> None:
        # The longest first, so that no tail of a secret is left when another one is its beginning.
        self._values = sorted({*self._given, *self._cookies}, key=len, reverse=True)
        plain = [re.escape(value).replace(r"\ ", r"[ +]") for value in self._values]
        pieces = {piece for value in self._values for piece in encodings.base64_pieces(value)}
        # Behind a piece of base64 there may be one letter more, which the secret shares with what follows it.
        coded = [rf"(?-i:{re.escape(piece)}[A-Za-z0-9+/_-]?=*)" for piece in sorted(pieces, key=len, reverse=True)]
        self._pattern = re.compile("|".join([*plain, *coded]), re.IGNORECASE) if self._values else None

    def text(self, text: str) -> str:
        """`text` without secrets."""
        if self._pattern is not None:
            # Decoded first: a part of a secret that has no escapes must not be taken out of the middle of it.
            if encodings.has_escapes(text):
                text = _without(self._pattern, text)
            text = self._pattern.sub(REDACTED, text)
        if "://" in text:
            text = _USER.sub(rf"\1{REDACTED}@", text)
        if "=" in text:
            text = _QUERY.sub(rf"\1{REDACTED}", text)
        return text

    def value(self, value: Any, levels: int = MAX_DEPTH) -> Any:
        """A JSON value without secrets, in keys too; raises TooDeep beyond `levels` of nesting."""
        match value:
            case str():
                return self.text(value)
            case list() | dict() if levels == 0:
                raise TooDeep
            case list():
                return [self.value(item, levels - 1) for item in value]
            case dict():
                return {self.text(key): self.value(item, levels - 1) for key, item in value.items()}
            case _:
                return value

    def is_secret(self, name: str) -> bool:
        """Whether a header of this name is never shown."""
        return name.lower() in self._names

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Headers by lower-case name, secret ones with their value replaced."""
        return {name.lower(): REDACTED if self.is_secret(name) else self.text(value) for name, value in headers}

    def url(self, url: httpx.URL) -> str:
        """The URL without user, password, fragment, and without the secrets of its query."""
        return self.text(str(url.copy_with(username=None, password=None, fragment=None)))


def _without(pattern: re.Pattern[str], text: str) -> str:
    """Replace the parts of a text that match when their escapes are decoded."""
    plain, starts = encodings.decoded(text)
    kept, end = [], 0
    for found in pattern.finditer(plain):
        kept += [text[end : starts[found.start()]], REDACTED]
        end = starts[found.end()]
    return "".join([*kept, text[end:]])


def _searched_for(value: str) -> set[str]:
    """What of a secret is searched for in text. A padding of `=` is no part of it, as not every server keeps it."""
    found = {part.rstrip("=") for part in _parts(value)}
    # A secret that looks like an escape is another text where texts are decoded.
    found |= {encodings.decoded(part)[0] for part in found}
    return {part for part in found if len(part) >= MIN_SECRET and part not in VOCABULARY}


def _parts(value: str) -> Iterator[str]:
    """`value`, its words, the values of its `NAME=VALUE` pairs, and for Basic what is encoded in it."""
    value = value.strip()
    yield value
    scheme, _, rest = value.partition(" ")
    if scheme == "Basic":
        try:
            user_and_password = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            user_and_password = ""
        yield from user_and_password.split(":", 1)
    for word in value.split():
        if word not in _SCHEMES:
            yield word.strip(";,")
            yield from word.strip(";,").split("=", 1)[1:]
    if ":" in value and " " not in value:
        yield value.partition(":")[2]
