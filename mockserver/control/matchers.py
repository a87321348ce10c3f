"""Patterns of requests, for assertions, waits and the control API.

A pattern is refused where it is written if no request can match it: an unknown method, a path that the API does not
have, or a field that no request has. A misspelled assertion that something was *not* requested would pass otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from types import FunctionType
from typing import Any, Final, TypedDict, Unpack, get_args

from mockserver.control.errors import UsageError
from mockserver.core.json_text import as_json
from mockserver.schemas.common import StreamMode
from mockserver.vocabulary import Strategy
from mockserver.web.http import path_meant
from mockserver.web.journal import FRAME, JournalEntry
from mockserver.web.routes import ROUTES
from mockserver.words import quoted, similar_path, some, unknown

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", FRAME)

SIMILAR: Final = 5
"""The number of similar requests in a failure text."""

MEANT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("json", "data", "content", "payload", "json_body", "contains"), "body"),
    **dict.fromkeys(("params", "qs", "query_string", "query_params", "search"), "query"),
    **dict.fromkeys(("code", "status_code", "response", "returns"), "status"),
    **dict.fromkeys(("messages", "message", "text", "prompt"), "input"),
    **dict.fromkeys(("thread", "threadid"), "thread_id"),
    **dict.fromkeys(("run", "runid"), "run_id"),
    **dict.fromkeys(("header", "auth"), "headers"),
    **dict.fromkeys(("multitaskstrategy", "double_text"), "strategy"),
    **dict.fromkeys(("agent", "assistant", "graph"), "assistant_id"),
    **dict.fromkeys(("resume", "goto", "update"), "command"),
    **dict.fromkeys(("url", "route", "endpoint", "uri"), "path"),
    **dict.fromkeys(("verb",), "method"),
}
"""The names that other packages and clients use, with those of this one."""


class BodyFields(TypedDict, total=False):
    """The fields of bodies. Each compares the field of that name in the body of the request."""

    after_seconds: Any
    as_node: Any
    assistant_id: Any
    before: Any
    checkpoint: Any
    checkpoint_during: Any
    checkpoint_id: Any
    command: Any
    config: Any
    context: Any
    description: Any
    durability: Any
    enabled: Any
    end_time: Any
    extract: Any
    feedback_keys: Any
    filter: Any
    graph_id: Any
    id: Any
    ids: Any
    if_exists: Any
    if_not_exists: Any
    index: Any
    input: Any
    interrupt_after: Any
    interrupt_before: Any
    key: Any
    langsmith_tracer: Any
    limit: Any
    max_depth: Any
    metadata: Any
    multitask_strategy: Any
    name: Any
    namespace: Any
    namespace_prefix: Any
    offset: Any
    on_completion: Any
    on_disconnect: Any
    on_run_completed: Any
    params: Any
    prefix: Any
    refresh_ttl: Any
    run_ids: Any
    schedule: Any
    select: Any
    since: Any
    sort_by: Any
    sort_order: Any
    stream_mode: Any
    stream_resumable: Any
    stream_subgraphs: Any
    strict_resume: Any
    subgraphs: Any
    suffix: Any
    supersteps: Any
    thread_ids: Any
    timezone: Any
    ttl: Any
    value: Any
    values: Any
    version: Any
    webhook: Any


class Matchers(BodyFields, total=False):
    """The keyword arguments that a request has to match, all of them. A value is compared with `==`.

    `unittest.mock.ANY` therefore matches anything, and `Including` a part of an object, a list or a text.
    """

    strategy: Any
    """The multitask strategy in the request, over HTTP or as a command of the newer protocol. None: it has none."""
    status: Any
    """The status of the response, such as 409. None: the response has not started."""
    thread_id: Any
    """The id of the thread in the path."""
    run_id: Any
    """The id of the run in the path, or of the run that the request created."""
    busy: Any
    """True if runs were in flight on the thread when the request was received."""
    protocol: Any
    """The name of the newer protocol's command, such as `run.start`."""
    query: Any
    """The whole query, as an object of texts, such as `{"cancel_on_disconnect": "true"}`."""
    headers: Any
    """Headers that the request has beside others, such as `{"x-api-key": "secret"}`. Case of names is ignored."""
    body: Any
    """The whole decoded JSON body. `Including({"input": ...})` compares a part of it."""
    cut: Any
    """True if the response broke off, or the client disconnected before its end."""


OWN: Final = tuple(name for name in Matchers.__annotations__ if name not in BodyFields.__annotations__)
"""The names that compare the journal entry. The others compare a field of the body."""


class Including:
    """A value that is equal to everything that includes it, at any depth.

    An object includes another if it has its fields, whatever else it has. A list includes another if each item is
    included in some item, and a text includes its parts. Other values are compared with `==`.
    """

    def __init__(self, part: Any) -> None:
        self.part = part

    def __eq__(self, whole: object) -> bool:
        return _includes(whole, self.part)

    def __hash__(self) -> int:
        return hash(repr(self.part))

    def __repr__(self) -> str:
        return f"Including({as_json(self.part)})"


def _includes(whole: Any, part: Any) -> bool:
    if isinstance(part, Mapping):
        fields = whole if isinstance(whole, Mapping) else {}
        return isinstance(whole, Mapping) and all(
            key in fields and _includes(fields[key], one) for key, one in part.items()
        )
    if isinstance(part, (list, tuple)):
        return isinstance(whole, (list, tuple)) and all(any(_includes(one, inner) for one in whole) for inner in part)
    if isinstance(part, str):
        return isinstance(whole, str) and part in whole
    return bool(whole == part)


class RequestPattern:
    """A pattern of requests: method and path with `*`, and values to match as in `assert_requested`.

    Raises `UsageError` for a method or a name that no request has, and for what cannot be a path.
    """

    def __init__(self, method: str = "*", path: str = "*", **wanted: Unpack[Matchers]) -> None:
        self.method = _method(method)
        self.path = _path(path)
        self.wanted: Mapping[str, Any] = dict(wanted)
        _check_names(self.wanted)

    @classmethod
    def of(cls, given: RequestPattern | str) -> RequestPattern:
        """Return a pattern, which may be written as `METHOD PATH`. Raises `UsageError`."""
        if isinstance(given, RequestPattern):
            return given
        if isinstance(given, (list, tuple)):
            raise UsageError(f"{quoted(given)} is a list. Give the requests one by one, each as a value of its own")
        words = given.split() if isinstance(given, str) else []
        if len(words) != 2:
            raise UsageError(f"{quoted(given)} is not a request. Write a text like `POST */runs`, or a RequestPattern")
        return cls(*words)

    def __str__(self) -> str:
        return " ".join([self.method, self.path, *(f"{name}={_shown(one)}" for name, one in self.wanted.items())])

    def check(self, entries: Sequence[JournalEntry]) -> None:
        """Raise `UsageError` for a path that the API does not have, unless a client has requested it."""
        if any(fnmatchcase(one.path, self.path) for one in entries):
            return
        _check_path(self.path)
        methods = _methods(self.path)
        # A GET has a HEAD, and on its path a WebSocket has its messages. A browser asks about each path with OPTIONS.
        others = ["HEAD", FRAME] if "GET" in methods else []
        if not any(fnmatchcase(one, self.method) for one in (*methods, *others, "OPTIONS")):
            named = ", ".join(methods)
            raise UsageError(f"the API has no {self.method} {quoted(self.path)}. It has {named}, and `*` is any method")

    def matches(self, entry: JournalEntry) -> bool:
        """Return whether a request matches."""
        return self._has_line(entry) and all(_has(entry, name, value) for name, value in self.wanted.items())

    def _has_line(self, entry: JournalEntry) -> bool:
        return fnmatchcase(entry.method, self.method) and fnmatchcase(entry.path, self.path)

    def similarity(self, entry: JournalEntry) -> tuple[float, ...]:
        """Return a number that is larger the more of a request matches."""
        same = sum(_has(entry, name, value) for name, value in self.wanted.items())
        # Imported here, because only a failure needs it.
        import difflib

        # Weights: a path that matches counts as much as a value, and one that only resembles it at most half as much,
        # like the method. Among equals the newest request comes first.
        matches = fnmatchcase(entry.path, self.path)
        likeness = 1.0 if matches else difflib.SequenceMatcher(None, entry.path, self.path).ratio() / 2
        return (likeness + same + (0.5 if fnmatchcase(entry.method, self.method) else 0), entry.number)

    def differences(self, entry: JournalEntry) -> str:
        """Return the parts of a request that differ."""
        different = [f"method {entry.method}"] if not fnmatchcase(entry.method, self.method) else []
        different += [f"path {entry.path}"] if not fnmatchcase(entry.path, self.path) else []
        different += [
            f"{name} {_shown(_value(entry, name, value))}"
            for name, value in self.wanted.items()
            if not _has(entry, name, value)
        ]
        return f"   ({', '.join(different)})" if different else ""

    def nearest(self, entries: Sequence[JournalEntry]) -> str:
        """Return a text that lists the requests most similar to the pattern, with their differences."""
        if not entries:
            return f"no request matches {self}: none was received. Does the client use the URL of this deployment?"
        ranked = sorted(entries, key=self.similarity, reverse=True)
        lines = [f"  {one.line()}{self.differences(one)}" for one in ranked[:SIMILAR]]
        return "\n".join([f"no request matches {self}; the most similar of {len(entries)}:", *lines])


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, Including) else as_json(value)


def _has(entry: JournalEntry, name: str, value: Any) -> bool:
    """Return whether an entry has a value, in a field of its own (`strategy`, `status`, ...) or of its body."""
    found = _value(entry, name, value)
    if name == "headers" and isinstance(value, Mapping):
        return bool(found == {key.lower(): one for key, one in value.items()})
    # bool(), because a value of the test, such as an array, may compare to something else.
    return bool(found == value)


def _value(entry: JournalEntry, name: str, wanted: Any) -> Any:
    if name == "headers" and isinstance(wanted, Mapping):
        # A client sends many headers that no test is about.
        return {key: entry.headers[key] for key in map(str.lower, wanted) if key in entry.headers}
    if name in OWN:
        return getattr(entry, name)
    return entry.body.get(name) if isinstance(entry.body, dict) else None


def _method(method: object) -> str:
    if isinstance(method, str) and any(fnmatchcase(known, method.upper()) for known in METHODS):
        return method.upper()
    if isinstance(method, str) and method.startswith(("/", "*/")):
        raise UsageError(f"{quoted(method)} is a path. The method comes first, as in `POST`, or `*` for any")
    first, _, path = str(method).partition(" ")
    if first.upper() in METHODS and path:
        two = f"{as_json(first.upper())}, {as_json(path)}"
        raise UsageError(f"{quoted(method)} is a method and a path. Give them as two values: {two}")
    raise UsageError(unknown("method", method, METHODS))


def _path(path: object) -> str:
    if not isinstance(path, str):
        raise UsageError(f"the path {quoted(path)} is not a text. Write a pattern such as `*/runs`")
    if "://" in path:
        raise UsageError(f"{quoted(path)} is a URL. Write the path alone, such as `*/runs`")
    if "?" in path and "=" in path.partition("?")[2]:
        bare, _, query = path.partition("?")
        wanted = as_json(dict(one.partition("=")[::2] for one in query.split("&")))
        text = f"{quoted(path)} has a query, and a pattern is compared with the path alone. Write {quoted(bare)}, and"
        raise UsageError(f"{text} query={wanted}", over_http=f'{text} "having": {{"query": {wanted}}}')
    if path.startswith("^") or any(sign in path for sign in (".*", ".+", "[^", "\\")):
        raise UsageError(f"{quoted(path)}: a path is no regular expression. Write a pattern such as `*/runs`")
    if not path.startswith(("/", "*", "?", "[")):
        begun = next((one for one in (f"*/{path}", f"/{path}") if _possible(one)), None)
        suggestion = f". Did you mean `{begun}`?" if begun is not None else ""
        raise UsageError(f"a path begins with `/` or `*`, and {quoted(path)} does not{suggestion}")
    return path


def _check_path(path: str) -> None:
    """Raise `UsageError` for a pattern that no path of the API matches."""
    if _possible(path):
        return
    parts = path.split("/")
    known = [re.sub(r"\{[^}]*\}", "*", one.path) for one in ROUTES]
    if parts[0] == "*":
        # A star in front stands for any beginning, so the ends are compared.
        size = len(parts) - 1
        known = ["/".join(["*", *one.split("/")[-size:]]) for one in known if one.count("/") >= size > 0]
    meant = path_meant(path)
    near = meant.replace("{id}", "*") if meant is not None else similar_path(path, known)
    suggestion = f" Did you mean {quoted(near)}?" if near is not None else ""
    raise UsageError(f"no path of the API matches {quoted(path)}.{suggestion} GET /docs of the mock lists all paths")


def _possible(path: str) -> bool:
    # Only the shortest part of a class in brackets is needed: the rest of the pattern says enough.
    plain = re.sub(r"\[[^\]]*\]", "?", path)
    # The one path that ends with any name would match `*/run`, which is a mistake.
    return any(_overlap(plain, known) for known in _paths() if "subgraphs/*" not in known or "subgraphs" in plain)


def _methods(path: str) -> list[str]:
    """Return the methods of the paths that a pattern may match."""
    plain = re.sub(r"\[[^\]]*\]", "?", path)
    found = {one.method for one in ROUTES if _overlap(plain, _signs(one.path))}
    return [one for one in METHODS if one in found]


def _check_names(wanted: Mapping[str, Any]) -> None:
    for name in wanted:
        if name not in Matchers.__annotations__:
            text = unknown("matcher", name, ("path", "method", *OWN, "assistant_id", "input", "command"), meant=MEANT)
            text = f"{text}, and the fields of bodies. For any other field"
            raise UsageError(
                f"{text} write body=Including({{...}})",
                over_http=f'{text} write "body": {{"$including": {{...}}}}',
            )
    strategy = wanted.get("strategy")
    if isinstance(strategy, str):
        check_strategy(strategy)
    if any(isinstance(wanted.get(name), (str, bytes, list, tuple, set, int)) for name in ("headers", "query")):
        raise UsageError("`headers` and `query` are objects. Write them as {NAME: VALUE}")
    for kind in ("headers", "query"):
        _check_texts(kind, wanted.get(kind))
    _check_values(wanted)


def _check_texts(kind: str, given: object) -> None:
    """Raise `UsageError` for a number or a bool among headers or the query, which have texts only."""
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if isinstance(value, (bool, int, float)):
            texts = "headers" if kind == "headers" else "parameters of the query"
            raise UsageError(
                f"`{name}` in `{kind}` is {as_json(value)}, and {texts} are texts. Write {as_json(as_json(value))}"
            )


VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "multitask_strategy": get_args(Strategy),
    "stream_mode": get_args(StreamMode),
    "on_disconnect": ("cancel", "continue"),
    "if_not_exists": ("create", "reject"),
    "if_exists": ("raise", "do_nothing"),
    "durability": ("sync", "async", "exit"),
}
"""The values of the fields that have a few only. A test compares them with the types of the requests."""


def _check_values(wanted: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a value that no request has. `assert_not_requested` would pass otherwise."""
    for name, value in wanted.items():
        for one in value.values() if isinstance(value, dict) else [value]:
            if isinstance(one, (FunctionType, re.Pattern, type)):
                kind = "a function" if isinstance(one, FunctionType) else f"a {type(one).__name__}"
                raise UsageError(f"`{name}` is {kind}, which no value equals. Give a value, Including(...) or ANY")
    status = wanted.get("status")
    if isinstance(status, (str, float)) or (isinstance(status, int) and not MIN_STATUS <= status <= MAX_STATUS):
        raise UsageError(f"`status` is {quoted(status)}. Give the number of an HTTP status, such as 409")
    for name in ("busy", "cut"):
        if isinstance(wanted.get(name), (str, int)) and not isinstance(wanted.get(name), bool):
            text = f"`{name}` is {quoted(wanted[name])}. Give"
            raise UsageError(f"{text} True or False", over_http=f"{text} true or false")
    for name in ("thread_id", "run_id"):
        if isinstance(wanted.get(name), (Mapping, int)):
            given = "an object" if isinstance(wanted[name], Mapping) else quoted(wanted[name])
            text = f"`{name}` is {given}. Give the id as a text"
            raise UsageError(f"{text}, such as thread[{name!r}]", over_http=text)
    body = wanted.get("body")
    if isinstance(body, (str, bytes)) and body.lstrip()[:1] in ("{", "[", b"{", b"["):
        raise UsageError("`body` is compared with the decoded JSON. Write an object or a list in place of its text")
    for name, known in VALUES.items():
        value = wanted.get(name)
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, str) and one not in known:
                raise UsageError(unknown(f"`{name}`", one, known, plural=f"values of `{name}`"))


MIN_STATUS: Final = 100
MAX_STATUS: Final = 599


def check_strategy(strategy: object) -> None:
    """Raise `UsageError` for a text that is not a multitask strategy."""
    if strategy not in get_args(Strategy):
        raise UsageError(unknown("strategy", strategy, get_args(Strategy), plural="strategies"))


_ID: Final = "#"
"""The sign that stands for an id in the paths below, and `*` for any other part of a path."""
_NOT_IN_AN_ID: Final = re.compile(r"[^0-9a-fA-F-]")


@cache
def _paths() -> tuple[str, ...]:
    """Return the paths of the API with a sign in place of each part that is not fixed."""
    return tuple(dict.fromkeys(_signs(one.path) for one in ROUTES))


def _signs(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "*", re.sub(r"\{[a-z]+_id\}", _ID, path))


@cache
def _overlap(pattern: str, path: str) -> bool:
    """Return whether some path of the API is matched by a pattern in which `*` stands for any text."""
    # The positions in `path` that the signs so far may have reached. A `*` in the path has no slash.
    reached = {0}
    for sign in pattern:
        if sign == "*":
            reached = set(range(min(reached, default=len(path) + 1), len(path) + 1))
            continue
        step: set[int] = set()
        for at in (one for one in reached if one < len(path)):
            open_part = path[at] in "*#" and sign != "/" and not (path[at] == _ID and _NOT_IN_AN_ID.match(sign))
            step |= {at, at + 1} if open_part or (path[at] in "*#" and sign == "?") else set()
            step |= {at + 1} if sign in (path[at], "?") else set()
        reached = step
    return len(path) in reached


def in_order(patterns: Sequence[RequestPattern], entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Return requests that match the patterns one after the other. Raises AssertionError with where they end."""
    matching: list[JournalEntry] = []
    for number, pattern in enumerate(patterns, start=1):
        after = matching[-1].number if matching else 0
        found = next((one for one in entries if one.number > after and pattern.matches(one)), None)
        if found is None:
            before = f"after request {after}" if after else "at all"
            earlier = [one for one in entries if pattern.matches(one)]
            seen = f" It was received before: {some([str(one.number) for one in earlier])}." if earlier else ""
            lines = "\n".join(f"  {one.line()}" for one in entries) or "  none was received"
            text = f"request {number} of {len(patterns)}, {pattern}, was not received {before}.{seen}"
            raise AssertionError(f"{text} Received:\n{lines}")
        matching.append(found)
    return matching
