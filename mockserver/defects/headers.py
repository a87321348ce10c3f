"""Headers: a client that sends or needs one cannot continue, or a page of another origin cannot use the deployment."""

from __future__ import annotations

from contextvars import ContextVar

from aiohttp import web

from mockserver.core.records import Run
from mockserver.defects.answers import matches
from mockserver.defects.base import Defect
from mockserver.web.interceptors import Handler


class NoLocation(Defect):
    """The answer to a stream request has no `Location`."""

    id = "D215"
    rule = "CLI-10"
    seen = ()
    client = "A client whose stream is cut does not reconnect, so the rest of the answer is missing."

    def names_stream(self, run: Run) -> bool:
        return not self.strikes(run) and super().names_stream(run)


class PreflightAllowsNothing(Defect):
    """The answer to a preflight request allows no request headers."""

    id = "D216"
    rule = "CLI-11"
    seen = ()
    client = "The browser blocks every request with JSON, although the same request works from a terminal."

    def allowed_to_pages(self, requested: str) -> str:
        right = super().allowed_to_pages(requested)
        return "" if self.strikes() else right


class NothingExposed(Defect):
    """No response header is exposed to pages of another origin."""

    id = "D217"
    rule = "CLI-12"
    seen = ()
    client = "A client in a browser does not learn which run it started, nor that a search has more pages."

    def exposed_to_pages(self, readable: str) -> str:
        right = super().exposed_to_pages(readable)
        return "" if self.strikes() else right


class PageNamesItself(Defect):
    """X-Pagination-Next is the offset of the page itself and not of the next one."""

    id = "D246"
    rule = "CLI-15"
    seen = ()
    client = "A client that follows the pages of a search receives the first one over and over."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        searches = matches(request, "POST", "/threads/search", "/runs/crons/search")
        if searches and "X-Pagination-Next" in response.headers and self.strikes():
            response.headers["X-Pagination-Next"] = "0"
        return response


_ACCEPTS_GZIP: ContextVar[bool] = ContextVar("_ACCEPTS_GZIP", default=False)
"""True while the request of a client that accepts gzip is handled."""


class CompressedStreamBuffered(Defect):
    """The stream to a client that accepts gzip sends nothing before the run has ended."""

    id = "D291"
    rule = "STR-31"
    seen = ()
    client = "A browser shows nothing until the answer is complete, and cURL shows every event at once."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = _ACCEPTS_GZIP.set("gzip" in request.headers.get("Accept-Encoding", ""))
        try:
            return await super().answer(request, handler)
        finally:
            _ACCEPTS_GZIP.reset(token)

    async def before_sending(self, run: Run) -> None:
        if _ACCEPTS_GZIP.get() and self.strikes(run):
            await run.ended.wait()
        await super().before_sending(run)
