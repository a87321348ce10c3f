"""Badges for each deployment of a comparison: an SVG, and the JSON of shields.io's endpoint badge.

Source of the JSON's fields: https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from conformance.report.comparison import Column, Comparison
from conformance.report.html.templating import environment
from conformance.report.report import write_whole

LABEL = "double texting"
COLOURS = {"brightgreen": "#2f7d31", "yellow": "#8a6100", "red": "#b3261e", "lightgrey": "#5f6368"}
"""Shields' names of colours, and for the SVG shades of them that are dark enough for white text."""

# An estimate for Verdana at 11 px. The SVG's `textLength` stretches or squeezes the text to exactly this width, so a
# reader without Verdana sees no text that overflows.
CHARACTER = 6.6
"""The width of a character in a badge, in pixels."""


def message(column: Column) -> str:
    """Return the badge's text: the number of requirements that hold and that were judged, and the rule book."""
    # A badge without the number of judged requirements would let a run of two tests look like a run of all.
    if not column.judged:
        return f"nothing judged, rules {column.revision}"
    judged = f"all {column.judged}" if column.judged == column.rules else f"{column.judged} of {column.rules}"
    return f"{column.holds} requirements hold, {judged} judged, rules {column.revision}"


def colour(found: Comparison, column: Column) -> str:
    """Return red when a MUST is broken, yellow when another requirement does not hold, and else green.

    Return grey when nothing was judged.
    """
    if not column.judged:
        return "lightgrey"
    position = found.columns.index(column)
    broken = {row.level for row in found.rows if (cell := row.cells[position]) and cell.verdict == "FAIL"}
    return "red" if "MUST" in broken else "brightgreen" if column.holds == column.judged else "yellow"


def write_badges(folder: Path, found: Comparison) -> None:
    """Write `NAME.svg` and `NAME.json` for every column. Raise OSError."""
    names: set[str] = set()
    for column in found.columns:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", column.name).strip("-.") or "deployment"
        # Two names can differ only in characters that a file name cannot have.
        while name in names:
            name += "-again"
        names.add(name)
        text, shade = message(column), colour(found, column)
        endpoint = {"schemaVersion": 1, "label": LABEL, "message": text, "color": shade}
        write_whole(folder / f"{name}.json", msgspec.json.encode(endpoint))
        write_whole(folder / f"{name}.svg", _svg(text, COLOURS[shade]).encode())


def _svg(text: str, fill: str) -> str:
    left, right = (round(CHARACTER * len(part) + 12) for part in (LABEL, text))
    template = environment().get_template("badge.svg")
    return template.render(label=LABEL, text=text, left=left, right=right, fill=fill)
