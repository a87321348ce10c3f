"""The removal of secrets from everything that is recorded or shown, so that a transcript can be published as it is.

The secrets are the values of the headers given by the user, the user name and password of the URL, cookies, and the
values of query parameters whose name contains `token`, `key`, `secret`, `password` or `signature`.

Theory of operation
-------------------

Redaction happens while recording, before a value is stored. A transcript therefore never contains a secret, not even in
memory, and no later consumer has to remember to redact. There are two mechanisms:

* *By name.* The value of a secret header is replaced as a whole, whatever it is (`headers`).
* *By value.* A deployment may echo a secret anywhere: in an error message, a redirect, the stored `kwargs` of a run.
  Every string, key and path is searched for the known values (`text`), in all the forms in which they may come back:
  whole, without the scheme (`Bearer`), the values of `NAME=VALUE` pairs, the decoded `Basic` credentials, and each of
  these in any encoding: escapes and base64 are decoded before the search, also within each other (`encodings`).

The search is limited where it would do harm. Values shorter than `MIN_SECRET` and words of the API are not searched
for, because replacing them would destroy the record. Secrets that the suite does not know, such as credentials in the
deployment's own data, cannot be found.
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
"""The least length of a value that is searched for in bodies. Shorter values occur in ordinary text by chance.

Their headers are redacted in any case.
"""

MAX_COOKIES = 50
"""The number of cookies that are remembered, newest first. A deployment may set a new one with every response."""

MAX_BASE64 = 3
"""The number of times that a secret may have been encoded in base64, one within the other."""

MAX_DEPTH = 64
# The redactor recurses, and a hostile answer must not exhaust the stack. A probe agent's state nests about ten levels.
"""The greatest depth of JSON that is searched. A deeper value raises TooDeep."""

VOCABULARY = " ".join(
    (
        "pending running error success timeout interrupted idle busy enqueue reject interrupt rollback",
        "create stream wait values updates messages custom metadata human user assistant system tool tools agent",
        "content thread_id run_id assistant_id created_at updated_at checkpoint checkpoint_id checkpoint_ns",
        "application/json text/event-stream configurable input output loop source status kwargs tasks next true false",
        "parent_config multitask_strategy",
    )
)
"""Words of the API. A header whose value is one of them holds no secret, and its redaction would garble responses."""

# Without this, the scheme of a given Authorization header would be redacted wherever the word occurs.
_SCHEMES = frozenset({"Bearer", "Basic", "Token"})

# The repetitions are bounded, so that a hostile body of megabytes cannot make the search quadratic.
_QUERY = re.compile(
    r"([?&][^=&\s\"'?]{0,40}(?:token|key|secret|password|signature)[^=&\s\"'?]{0,40}=)[^&\s\"'#;]+", re.IGNORECASE
)
_USER = re.compile(r"(://)[^\s/@\"']{1,500}@")


class TooDeep(Exception):  # noqa: N818 -- a finding about an answer
    """A JSON value that is nested more than `MAX_DEPTH` levels deep."""


class Redactor:
    """A filter for secrets in text, JSON, headers and URLs. `headers` and `url` are the user's options."""

    def __init__(self, headers: Mapping[str, str], url: httpx.URL | None = None, proxy: str | None = None) -> None:
        self._names = SECRET_NAMES | {name.lower() for name in headers}
        self._given: set[str] = set()
        self._cookies: deque[str] = deque(maxlen=MAX_COOKIES)
        for value in headers.values():
            self._given |= _search_terms(value)
        user = "" if url is None else unquote(url.userinfo.decode("ascii", "replace"))
        # httpx sends these as a Basic header, so both forms may be echoed.
        for user_and_password in filter(None, (user, proxy)):
            self._given |= _search_terms(user_and_password)
            self._given |= _search_terms(user_and_password.partition(":")[2])
            self._given |= _search_terms(base64.b64encode(user_and_password.encode()).decode())
        self._sort()

    def learn_cookie(self, line: str) -> None:
        """Add the value of this Set-Cookie line to the secrets. The client sends it back, and it may be echoed."""
        for value in _search_terms(line.partition(";")[0].partition("=")[2]):
            if value not in self._values:
                self._cookies.append(value)
                self._sort()

    def _sort(self) -> None:
        # Longest first: when one secret is the beginning of another, replacing it first would leave the rest visible.
        self._values = sorted({*self._given, *self._cookies}, key=len, reverse=True)
        plain = [re.escape(value).replace(r"\ ", r"[ +]") for value in self._values]
        pieces = {piece for value in self._values for piece in encodings.base64_pieces(value)}
        # Behind a piece of base64 there may be one letter more, which the secret shares with what follows it.
        coded = [rf"(?-i:{re.escape(piece)}[A-Za-z0-9+/_-]?=*)" for piece in sorted(pieces, key=len, reverse=True)]
        self._pattern = re.compile("|".join([*plain, *coded]), re.IGNORECASE) if self._values else None

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        if self._pattern is not None:
            # Decoded first: a part of a secret that has no escapes must not be taken out of the middle of it.
            if encodings.has_escapes(text):
                text = _without(self._pattern, text)
            text = self._pattern.sub(REDACTED, text)
            text = self._without_base64(text)
        # The patterns are slow on large bodies. Most texts contain neither marker.
        if "://" in text:
            text = _USER.sub(rf"\1{REDACTED}@", text)
        if "=" in text:
            text = _QUERY.sub(rf"\1{REDACTED}", text)
        return text

    def _without_base64(self, text: str, levels: int = MAX_BASE64) -> str:
        """Replace base64 of an encoding of a secret, also several times over."""
        # Base64 of the secret itself is a search term, which is found inside of a longer text as well.
        spans = [
            (start, end) for start, end, inner in encodings.base64_runs(text) if self._is_hidden_in(inner, levels - 1)
        ]
        kept, done = [], 0
        # A run of lines contains its lines, which begin where it begins or later.
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if start >= done:
                kept += [text[done:start], REDACTED]
                done = end
        return "".join([*kept, text[done:]])

    def _is_hidden_in(self, text: str, levels: int) -> bool:
        if self._pattern is None:
            return False
        if self._pattern.search(text) or self._pattern.search(encodings.decoded(text)[0]):
            return True
        return levels > 0 and any(self._is_hidden_in(inner, levels - 1) for _, _, inner in encodings.base64_runs(text))

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets in strings and keys. Raise TooDeep beyond `MAX_DEPTH` of nesting.

        A value without secrets is returned itself, not copied.
        """
        # Almost no answer has a secret, and one search of all its strings is faster than a search of each. NUL is no
        # part of an escape or of base64, so each string is decoded as it is alone, and what would be replaced in it is
        # replaced in the joined text, too. A match across two strings only costs the second search.
        joined = "\0".join(_strings(value))
        return value if self.text(joined) == joined else self._replaced(value)

    def _replaced(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._replaced(item) for item in value]
            case dict():
                return {self.text(key): self._replaced(item) for key, item in value.items()}
            case _:
                return value

    def is_secret(self, name: str) -> bool:
        """Return whether the value of a header with this name is a secret."""
        return name.lower() in self._names

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return headers by lower-case name, with the values of secret ones replaced."""
        return {name.lower(): REDACTED if self.is_secret(name) else self.text(value) for name, value in headers}

    def url(self, url: httpx.URL) -> str:
        """Return the URL without user name, password, fragment, and without the secrets of its query."""
        return self.text(str(url.copy_with(username=None, password=None, fragment=None)))


def _strings(value: Any) -> list[str]:
    """Return every string and every key of a JSON value. Raise TooDeep beyond `MAX_DEPTH` of nesting."""
    found: list[str] = []
    # One level of nesting after the other: a recursion would call a function for each of thousands of small values.
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                found.append(item)
            elif isinstance(item, (dict, list)):
                if depth == MAX_DEPTH:
                    raise TooDeep
                if isinstance(item, dict):
                    found += item
                    below += item.values()
                else:
                    below += item
        level, depth = below, depth + 1
    return found


def _without(pattern: re.Pattern[str], text: str) -> str:
    """Replace the parts of a text that match when their escapes are decoded."""
    plain, starts = encodings.decoded(text)
    kept, end = [], 0
    for found in pattern.finditer(plain):
        kept += [text[end : starts[found.start()]], REDACTED]
        end = starts[found.end()]
    return "".join([*kept, text[end:]])


def _search_terms(value: str) -> set[str]:
    """Return the texts to search for to find a secret: its parts, without the padding that not every server keeps."""
    found = {part.rstrip("=") for part in _parts(value)}
    # A secret that looks like an escape is another text where texts are decoded.
    found |= {encodings.decoded(part)[0] for part in found}
    return {part for part in found if len(part) >= MIN_SECRET and part not in VOCABULARY}


def _parts(value: str) -> Iterator[str]:
    """Yield `value`, its words, the values of its `NAME=VALUE` pairs, and the decoded credentials of `Basic`."""
    value = value.strip()
    yield value
    scheme, _, rest = value.partition(" ")
    if scheme == "Basic":
        try:
            user_and_password = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            user_and_password = ""
        yield from user_and_password.split(":", 1)
    # Members of a list such as `Token token="abc", id=7`, each with and without its name.
    for word in re.split(r"[\s,;]+", value):
        if word not in _SCHEMES:
            yield from (word, word.strip("\"'"))
            yield from (part.strip("\"'") for part in re.split("[=:]", word, maxsplit=1)[1:])
    # USER:PASSWORD, as in the URL. A value with spaces is prose or a list, and its words were yielded above.
    if ":" in value and " " not in value:
        yield value.partition(":")[2]
