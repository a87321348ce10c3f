"""An answer that the examination of a deployment cannot use, in words that say what to correct."""

from __future__ import annotations

from typing import Any, Final

from conformance.api import namesake
from conformance.judge.play import Exchange
from conformance.session.course import MESSAGE
from conformance.transcript.text import snippet

CREDENTIALS: Final = (
    "Send credentials with --deployment-header='x-api-key: VALUE', or the header that the deployment expects"
)
LOG: Final = "The deployment's log may show why"
NOT_HERE: Final = (
    "If the API has a base path, such as /api, it belongs to --deployment-url: the URL to which /info can be added"
)
UNREACHED: Final = (
    "A proxy or a gateway answers in place of the deployment: is the deployment running, and is --deployment-url "
    "correct?"
)
HINTS: Final = {
    401: CREDENTIALS,
    403: CREDENTIALS,
    407: "The proxy wants credentials: --deployment-proxy=http://USER:PASSWORD@HOST:PORT",
    429: "The deployment limits requests: play one scenario at a time with --conformance-jobs=1, or raise its limit",
    502: UNREACHED,
    503: UNREACHED,
    504: UNREACHED,
    511: "The network between this machine and the deployment wants a login. Log in with a browser, or use another "
    "network",
}
"""Advice by the status of an answer."""

WEB_PAGE: Final = "This is a web page: give the URL of the API, and look for a proxy or a login in front of it"


def describe(exchange: Exchange, wanted: str, *, explained: bool = False) -> str:
    """Describe the answer to an exchange that should have returned `wanted`, so that a user knows what to correct.

    An answer that is `explained` needs no advice to look into the log of the deployment.
    """
    if exchange.fault is not None:
        return f"{exchange.fault.error} ({_advice(exchange.fault.error)})"
    response = exchange.response
    if response is None:
        return "no answer"
    if 300 <= response.status < 400:
        location = snippet(response.headers.get("location", "nowhere"))
        return f"HTTP {response.status}, a redirect to {location}; give the URL to which it redirects"
    kind = snippet(response.headers.get("content-type", "")) or "no content type"
    body = response.body
    hint = HINTS.get(response.status) or (WEB_PAGE if _is_page(kind, body) else None)
    if hint is None and response.status >= 500 and not explained:
        hint = LOG
    if hint is None and response.status == 404 and exchange.request.purpose == "create thread":
        hint = NOT_HERE
    if response.status < 300 and not isinstance(body, dict):
        described = f"HTTP {response.status} with {kind} instead of a JSON object"
    elif response.status < 300:
        described = f"HTTP {response.status} without a `{wanted}` that is a string"
        if (other := namesake(body, wanted)) is not None:
            described += f", but with `{snippet(other, 80)}`"
    else:
        described = f"HTTP {response.status}"
    # A page of HTML says little about the reason, and a JSON object is the server's message.
    said = snippet(body, MESSAGE) if isinstance(body, dict) else snippet(body)
    return ". ".join(part for part in (f"{described}: {said}", hint) if part)


def _is_page(kind: str, body: Any) -> bool:
    """Return whether an answer is HTML. Proxies send it as any kind of text."""
    start = body.lstrip()[:9].lower() if isinstance(body, str) else ""
    return "html" in kind or start.startswith(("<!doctype", "<html"))


def _advice(fault: str) -> str:
    """Return the advice for a request that was not answered."""
    if "CERTIFICATE_VERIFY_FAILED" in fault:
        return "trust the authority that signed the certificate with --deployment-ca FILE"
    if "CERTIFICATE_REQUIRED" in fault or "alert certificate" in fault.lower():
        return "send a client certificate with --deployment-cert FILE"
    return "is the deployment running, and is --deployment-url correct?"
