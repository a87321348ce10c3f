"""Badges that say what was judged: an SVG for each deployment, and the JSON of shields.io's endpoint badge."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from conformance.report.comparison import Column, Comparison
from conformance.report.html.templating import environment

LABEL = "double texting"
COLOURS = {"brightgreen": "#2f7d31", "yellow": "#8a6100", "red": "#b3261e", "lightgrey": "#5f6368"}
"""The colours that shields knows by these names, dark enough for white text."""

CHARACTER = 6.6
"""The width of a character in a badge; the text is fitted to it."""


def message(column: Column) -> str:
    """How many requirements hold, how many were judged, and by which rule book."""
    if not column.judged:
        return f"nothing judged, rules {column.revision}"
    judged = f"all {column.judged}" if column.judged == column.rules else f"{column.judged} of {column.rules}"
    return f"{column.holds} requirements hold, {judged} judged, rules {column.revision}"


def colour(found: Comparison, column: Column) -> str:
    """Red when a MUST is broken, yellow when something else does not hold."""
    if not column.judged:
        return "lightgrey"
    position = found.columns.index(column)
    broken = {row.level for row in found.rows if (cell := row.cells[position]) and cell.verdict == "FAIL"}
    return "red" if "MUST" in broken else "brightgreen" if column.holds == column.judged else "yellow"


def write_badges(folder: Path, found: Comparison) -> None:
    """Write `NAME.svg` and `NAME.json` for every column; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for column in found.columns:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", column.name).strip("-.") or "deployment"
        while name in names:
            name += "-again"
        names.add(name)
        text, shade = message(column), colour(found, column)
        endpoint = {"schemaVersion": 1, "label": LABEL, "message": text, "color": shade}
        (folder / f"{name}.json").write_bytes(msgspec.json.encode(endpoint))
        (folder / f"{name}.svg").write_text(_svg(text, COLOURS[shade]), "utf-8")


def _svg(text: str, fill: str) -> str:
    left, right = (round(CHARACTER * len(part) + 12) for part in (LABEL, text))
    template = environment().get_template("badge.svg")
    return template.render(label=LABEL, text=text, left=left, right=right, fill=fill)
