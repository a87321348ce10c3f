"""The conduct of a client as a page that a team can keep: one file without scripts and without other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from mockserver.control.facts import Finding
from mockserver.web.journal import JournalEntry

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: 6px }
.proof { background: #f805 }
a { color: inherit }
"""


def page(findings: Sequence[Finding], requests: Sequence[JournalEntry], rules: Mapping[str, str], title: str) -> str:
    """Return the page. `rules` are the names of the rules that were checked, each with its description."""
    proofs = {number for finding in findings for number in finding.requests}
    count = f"{len(findings)} mistake{'' if len(findings) == 1 else 's'} in {len(requests)} requests"
    found = "".join(_finding(one, rules) for one in findings) or "<p>Every rule is kept.</p>"
    lines = "\n".join(_line(entry, is_proof=entry.number in proofs) for entry in requests) or "no request was received"
    checked = "".join(f"<li><code>{escape(name)}</code>: {escape(text)}</li>" for name, text in rules.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{count}.</p>{found}"
        f"<h2>Requests</h2><pre>{lines}</pre><h2>Rules that were checked</h2><ul>{checked}</ul></html>\n"
    )


def _finding(finding: Finding, rules: Mapping[str, str]) -> str:
    links = ", ".join(f'<a href="#r{number}">{number}</a>' for number in finding.requests)
    return (
        f"<h2><code>{escape(finding.rule)}</code></h2><p>{escape(finding.text)}.</p>"
        f"<p>Requests {links}. {escape(rules.get(finding.rule, ''))}</p>"
    )


def _line(entry: JournalEntry, *, is_proof: bool) -> str:
    kind = ' class="proof"' if is_proof else ""
    return f'<span id="r{entry.number}"{kind}>{escape(entry.line())}</span>'
