"""The forms of a request that a deployment may accept when it refuses the first one.

Theory of operation
-------------------

The driver needs requests of its own to bring about a situation: it creates runs, and reads lists and histories. A
deployment that refuses one of these for its form breaks a requirement (FRM), and would otherwise be judged by nothing
else. So the transport of a play sends such a request again in another form that means the same. Both requests are in
the record, with the moment `adapted` between them. The judge gives the refused one to the requirement that it breaks,
and judges all others by what followed.

- Each form changes one thing, and is tried alone. A form that is accepted therefore names the fault. Only when none is
  accepted, all of them are tried together.
- Pages take the place of a list that is refused for its `limit`. The further pages have the purpose "... again".
- A redirect to the same scheme, host and port is followed. An answer with `Retry-After` is waited for once.
- An invalid request of a scenario keeps its form, because its refusal is what is judged.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec

from conformance.api import Need, checkpoint_id
from conformance.transcript.recorder import CURRENT_CALL, Recorder, RecordingTransport
from conformance.transcript.transcript import Adapted

REFUSED: Final = frozenset({400, 404, 422})
"""The statuses of a refusal that another form may avoid. A conflict (409) is no matter of form."""

PAGES: Final = (100, 10)
"""The sizes of pages that are tried when a greater `limit` is refused."""

MOST_PAGES: Final = 50
"""The greatest number of pages that are read of one list."""

HOPS: Final = 3
"""The greatest number of redirects of one request that are followed."""


@dataclass(frozen=True)
class Form:
    """Another form of a request: the `needs` that it avoids, how it does so, and its body or query.

    `fields` are the names of the fields that it changes.
    """

    needs: tuple[Need, ...]
    how: str
    body: Any
    query: dict[str, str] | None = None
    fields: tuple[str, ...] = ()


class Adapting(httpx.AsyncBaseTransport):
    """A transport that sends a refused request again in another form. It sends and records through `inner`."""

    def __init__(self, recorder: Recorder, inner: RecordingTransport) -> None:
        self._recorder = recorder
        self._inner = inner
        self._assistants: dict[str, str | None] = {}
        """The ids of assistants by their graph, as far as they were needed."""
        self._created = False
        """A run of the play was created."""
        self.pending: set[int] = set()
        """The refused exchanges whose next form is not sent yet. Their refusal is not the last word."""

    async def aclose(self) -> None:
        """Close the connections underneath."""
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and send it again in other forms while the deployment refuses it for its form."""
        request, response = await self._reach(request)
        self._created |= response.is_success and _creates_run(request)
        if response.status_code not in REFUSED or CURRENT_CALL.get().purpose == "ask":
            return response
        exchange = CURRENT_CALL.get().exchange
        self.pending.add(exchange)
        try:
            return await self._adapt(request, response)
        finally:
            self.pending.discard(exchange)

    async def _adapt(self, request: httpx.Request, refusal: httpx.Response) -> httpx.Response:
        """Try the other forms of a refused request. Return the first answer that is no refusal, else the refusal."""
        sent, refused = _json(request), CURRENT_CALL.get().exchange
        forms = [form async for form in self._forms(request, sent, refusal)]
        if len(forms) > 1 and (together := _together(sent, forms)) is not None:
            forms.append(together)
        for form in forms:
            response = await self._again(_reformed(request, form), refused, form)
            refused = CURRENT_CALL.get().exchange
            # Another status has another reason: the form is accepted, and the deployment came further.
            if response.status_code != refusal.status_code:
                return await self._rest(request, form, response) if "limit" in form.needs else response
        return refusal

    async def _forms(self, request: httpx.Request, sent: Any, refusal: httpx.Response) -> AsyncIterator[Form]:
        """Yield the other forms of a request, each of which changes one thing."""
        # A refusal that names fields is not about the others. One of a webhook, for example, is for its scenario.
        words = set(re.findall(r"\w+", refusal.text.lower()))
        blamed = words & ({*sent} if isinstance(sent, dict) else set())
        # `reject` requests a refusal while another run is in flight, and some servers answer it with 422.
        if self._created and not blamed and isinstance(sent, dict) and sent.get("multitask_strategy") == "reject":
            return
        if refusal.status_code != 404:
            for form in (*_fields(request, sent), *_smaller_pages(request, sent)):
                if not blamed or not blamed.isdisjoint(form.fields):
                    yield form
        # A 404 may also be about the thread: "Thread or assistant not found" is the text of the official server.
        if refusal.status_code == 404 and "thread" in words:
            return
        about_assistant = words & {"assistant", "assistants", "assistant_id", "graph", "graph_id"}
        if not about_assistant and (blamed or refusal.status_code == 404):
            return
        if _creates_run(request) and isinstance(sent, dict) and (name := _graph_in(sent)) is not None:
            found = await self._assistant_id(request, name)
            if found is not None:
                yield Form(("assistant",), "with the id of the assistant", {**sent, "assistant_id": found})

    async def _assistant_id(self, request: httpx.Request, name: str) -> str | None:
        """Return the id of the first assistant of a graph. Return None when the deployment lists none."""
        if name not in self._assistants:
            path = request.url.raw_path.split(b"?")[0].decode()
            root = path[: path.rindex("/threads" if "/threads/" in path else "/runs")]
            body = msgspec.json.encode({"graph_id": name, "limit": 1})
            search = _copy(request, "POST", request.url.copy_with(path=f"{root}/assistants/search"), body)
            found = _decoded(await self._inner.handle_async_request(search))
            first = found[0] if isinstance(found, list) and found else None
            known = first.get("assistant_id") if isinstance(first, dict) else None
            self._assistants[name] = known if isinstance(known, str) else None
        return self._assistants[name]

    async def _again(self, request: httpx.Request, refused: int, form: Form) -> httpx.Response:
        """Record why the request of exchange `refused` is sent again, and send it in this form."""
        call = CURRENT_CALL.get()
        self._recorder.add(Adapted, exchange=refused, needs=form.needs, how=form.how)
        # Another form takes the place of the first, so it is recorded with the same purpose.
        call.exchange = 0 if call.first else call.exchange
        return await self._inner.handle_async_request(request)

    async def _reach(self, request: httpx.Request) -> tuple[httpx.Request, httpx.Response]:
        """Send a request. Follow redirects within the origin, and wait once as `Retry-After` demands."""
        call = CURRENT_CALL.get()
        call.first = call.exchange == 0
        response = await self._inner.handle_async_request(request)
        hops, waited = 0, False
        while True:
            target = _redirect(request, response) if hops < HOPS else None
            pause = None if waited else _retry_after(response)
            if target is not None:
                hops += 1
                request = _copy(request, request.method, target, request.content)
                form = Form(("redirect",), f"at {target.raw_path.decode()}", None)
                response = await self._again(request, call.exchange, form)
            elif pause is not None and pause <= call.seconds / 2:
                waited = True
                refused = call.exchange
                self.pending.add(refused)
                try:
                    # The deployment states for how long it needs, and nothing else announces the end of that time.
                    await asyncio.sleep(pause)
                finally:
                    self.pending.discard(refused)
                request = _copy(request, request.method, request.url, request.content)
                response = await self._again(request, refused, Form(("retry",), f"after {pause:g} s", None))
            else:
                return request, response

    async def _rest(self, request: httpx.Request, form: Form, response: httpx.Response) -> httpx.Response:
        """Read the further pages of a list, and return an answer with the entries of all."""
        found = _decoded(response)
        if response.status_code >= 300 or not isinstance(found, list):
            return response
        whole, page = list(found), found
        size = _limit(request, form.body, form.query)
        wanted = _limit(request, _json(request), None)
        for _ in range(MOST_PAGES):
            if len(page) < size or len(whole) >= wanted:
                break
            following = _next_page(request, form, whole)
            if following is None:
                break
            answer = await self._inner.handle_async_request(_reformed(request, following))
            page = _decoded(answer)
            # A server that ignores `before` or `offset` sends the same page for ever.
            if not isinstance(page, list) or answer.status_code >= 300 or not page or page[0] in whole:
                break
            whole += page
        content = msgspec.json.encode(whole)
        return httpx.Response(200, headers={"content-type": "application/json"}, content=content)


def _copy(request: httpx.Request, method: str, url: httpx.URL, content: bytes) -> httpx.Request:
    kept = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
    return httpx.Request(method, url, headers=kept, content=content, extensions=request.extensions)


def _reformed(request: httpx.Request, form: Form) -> httpx.Request:
    url = request.url if form.query is None else request.url.copy_merge_params(form.query)
    content = request.content if form.body is None else msgspec.json.encode(form.body)
    return _copy(request, request.method, url, content)


def _json(request: httpx.Request) -> Any:
    try:
        return msgspec.json.decode(request.content)
    except msgspec.DecodeError:
        return None


def _decoded(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, RecursionError, httpx.ResponseNotRead):
        return None


def _creates_run(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith(("/runs", "/runs/stream", "/runs/wait"))


def _fields(request: httpx.Request, sent: Any) -> Iterator[Form]:
    """Yield the other forms of the fields in a body that creates a run or a thread."""
    creates_thread = request.method == "POST" and request.url.path.endswith("/threads")
    if not isinstance(sent, dict) or not (_creates_run(request) or creates_thread):
        return
    modes = sent.get("stream_mode")
    if isinstance(modes, str):
        yield Form(
            ("stream_mode",), "with stream_mode as a list", {**sent, "stream_mode": [modes]}, fields=("stream_mode",)
        )
    if isinstance(modes, list) and len(modes) == 1:
        yield Form(
            ("stream_mode",), "with stream_mode as a text", {**sent, "stream_mode": modes[0]}, fields=("stream_mode",)
        )
    delay = sent.get("after_seconds")
    if isinstance(delay, float) and not delay.is_integer():
        # Never shorter: what is judged is that the run waits for at least this long.
        whole = math.ceil(delay)
        yield Form(
            ("after_seconds",),
            f"with after_seconds {whole}",
            {**sent, "after_seconds": whole},
            fields=("after_seconds",),
        )
    defaults = [name for name in ("stream_subgraphs", "stream_resumable") if sent.get(name) is False]
    if defaults:
        rest = {name: value for name, value in sent.items() if name not in defaults}
        yield Form(("defaults",), f"without {' and '.join(defaults)}", rest, fields=tuple(defaults))
    if "metadata" in sent:
        rest = {name: value for name, value in sent.items() if name != "metadata"}
        yield Form(("metadata",), "without metadata", rest, fields=("metadata",))


def _together(sent: Any, forms: list[Form]) -> Form | None:
    """Return the form with the changes of all `forms` to the fields of a body."""
    if not isinstance(sent, dict) or any(form.query is not None or not isinstance(form.body, dict) for form in forms):
        return None
    body = dict(sent)
    for form in forms:
        body = {name: value for name, value in body.items() if name in form.body}
        body |= {name: value for name, value in form.body.items() if sent.get(name) != value}
    needs = tuple(need for form in forms for need in form.needs)
    return Form(needs, ", ".join(form.how for form in forms), body)


def _graph_in(sent: dict[str, Any]) -> str | None:
    """Return the assistant in a body when it is named by its graph, and not by an id."""
    name = sent.get("assistant_id")
    try:
        UUID(name)
    except (TypeError, ValueError, AttributeError):
        return name if isinstance(name, str) else None
    return None


def _limit(request: httpx.Request, body: Any, query: dict[str, str] | None) -> int:
    """Return the `limit` of a request, or 0 when it has none."""
    value = body.get("limit") if isinstance(body, dict) else (query or dict(request.url.params)).get("limit")
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0


def _smaller_pages(request: httpx.Request, sent: Any) -> Iterator[Form]:
    """Yield the form of a request for a list with each smaller `limit`."""
    asked = _limit(request, sent, None)
    for size in PAGES:
        if size < asked:
            how = f"in pages of {size}"
            if isinstance(sent, dict):
                yield Form(("limit",), how, {**sent, "limit": size}, fields=("limit",))
            else:
                yield Form(("limit",), how, None, {"limit": str(size)}, ("limit",))


def _next_page(request: httpx.Request, form: Form, whole: list[Any]) -> Form | None:
    """Return the form for the page behind the entries that were read: by checkpoint in a history, else by number."""
    if request.url.path.endswith("/history"):
        last = whole[-1] if isinstance(whole[-1], dict) else {}
        oldest = last.get("checkpoint") if isinstance(last.get("checkpoint"), dict) else None
        if checkpoint_id(last) is None:
            return None
        return Form(form.needs, form.how, {**form.body, "before": oldest or {"checkpoint_id": checkpoint_id(last)}})
    if isinstance(form.body, dict):
        return Form(form.needs, form.how, {**form.body, "offset": len(whole)})
    return Form(form.needs, form.how, None, {**(form.query or {}), "offset": str(len(whole))})


def _redirect(request: httpx.Request, response: httpx.Response) -> httpx.URL | None:
    """Return the address of a redirect that keeps the request as it is and leads to the same origin, else None."""
    keeps = response.status_code in (307, 308) or (response.status_code in (301, 302) and request.method == "GET")
    if not keeps or "location" not in response.headers:
        return None
    try:
        target = request.url.join(response.headers["location"])
    except (httpx.InvalidURL, ValueError):
        return None
    # Another origin must not receive the headers of the user, which may carry a key.
    same = (target.scheme, target.host, target.port) == (request.url.scheme, request.url.host, request.url.port)
    return target if same else None


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that an answer of 503 or 429 states in `Retry-After`, or None."""
    if response.status_code not in (503, 429) or not (value := response.headers.get("retry-after", "").strip()):
        return None
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None
