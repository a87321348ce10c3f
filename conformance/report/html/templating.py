"""The templates' environment, and the safety of the pages.

A page shows text from a deployment, which may be hostile. So every value is escaped, characters that hide or reorder
text are shown as escapes, and a content security policy allows only the page's own style and script.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import zlib
from functools import cache

import jinja2
from markupsafe import Markup, escape

from conformance.transcript.text import one_line, visible

_IN_MARKDOWN = {ord(character): f"&#{ord(character)};" for character in "&\\`*_{}[]<>|#!"}


def content(text: object) -> Markup:
    """Return text that is safe between two tags, but not in an attribute."""
    # Quotes are not escaped: with `&#34;` for each the JSON bodies would make the page much larger.
    return Markup(visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def link(url: str) -> str | None:
    """Return the URL if a page may link to it, and else None."""
    # A source may be words instead of a URL. And a report may come from anyone, so `javascript:` must not become a
    # link.
    return url if url.startswith(("https://", "http://")) else None


def in_table(text: object) -> str:
    """Return text from a deployment, escaped for a cell of a Markdown table."""
    return one_line(visible(text), 300).translate(_IN_MARKDOWN)


def marked(text: object) -> Markup:
    """Return a text with the words between backticks as code. Everything in it is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(visible(text)))))


def packed(html: Markup) -> Markup:
    """Return HTML compressed, as text for a `template` element that the script of the page unpacks when it is opened.

    A page with a thousand failures is a tenth as large, and is one file that also works from `file://`.
    """
    return Markup(base64.b64encode(zlib.compress(html.encode(), 9)).decode())


def slashes(text: object) -> Markup:
    """Return a path, escaped, that may continue on the next line behind each slash."""
    return Markup(str(escape(visible(text))).replace("/", "/<wbr>"))


_CODE = re.compile(r"`([^`\n]+)`")


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja environment of all pages."""
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
    made.filters |= {"link": link, "quote": shlex.quote, "content": content, "marked": marked, "slashes": slashes}
    return made


@cache
def _asset(name: str) -> Markup:
    """Return one of our own styles or scripts, unescaped."""
    loader = environment().loader
    assert loader is not None
    text, _, _ = loader.get_source(environment(), name)
    return Markup(text)


def policy(style: str, script: str) -> str:
    """Return the page's content security policy, which allows this style and this script and nothing else.

    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
