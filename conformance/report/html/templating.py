"""The templates, and what makes a page safe: everything is escaped, and only its own style and script may act."""

from __future__ import annotations

import base64
import hashlib
import shlex
from functools import cache

import jinja2
from markupsafe import Markup

from conformance.transcript.text import one_line, visible

_IN_MARKDOWN = {ord(character): f"&#{ord(character)};" for character in "&\\`*_{}[]<>|#!"}


def content(text: object) -> Markup:
    """Text as it may stand between two tags, and nowhere else: JSON is much shorter with its quotes left alone."""
    return Markup(visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def link(url: str) -> str | None:
    """The URL if a reader may follow it, else None: a source may be words, and a report may come from anybody."""
    return url if url.startswith(("https://", "http://")) else None


def in_table(text: object) -> str:
    """Text that came from a deployment as it may stand in a cell of a Markdown table."""
    return one_line(visible(text), 300).translate(_IN_MARKDOWN)


@cache
def environment() -> jinja2.Environment:
    """The environment in which every page is made."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("conformance.report.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    made.globals["asset"] = _asset
    made.globals["policy"] = policy
    made.filters |= {"link": link, "quote": shlex.quote, "content": content}
    return made


@cache
def _asset(name: str) -> Markup:
    """A style or script of our own, as it stands in the page."""
    loader = environment().loader
    assert loader is not None
    text, _, _ = loader.get_source(environment(), name)
    return Markup(text)


def policy(style: str, script: str) -> str:
    """The page's content security policy: nothing from anywhere, but this style and this script."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
