"""The command `python -m tests.explore`, see `proof`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from mockserver.defects.registry import defects
from tests.explore.page import render
from tests.explore.proof import HISTORIES, PAGE, REASONS, SEED, SHRINKS, concerned, rows

ROWS: Final = Path("build") / "exploration.jsonl"
"""The rows of a computation so far, which takes half an hour and can be continued. Delete it to begin again."""


def main(names: list[str]) -> None:
    """Print the rows of these defects, or compute those that are missing and write the page."""
    if unknown := [name for name in names if name not in defects()]:
        raise SystemExit(f"there is no defect `{unknown[0]}`. The names are in docs/reference/defects.md")
    if names:
        for row in rows(names):
            print(json.dumps(row), flush=True)
        return
    ROWS.parent.mkdir(exist_ok=True)
    order = {name: number for number, name in enumerate(concerned())}
    kept = [json.loads(line) for line in ROWS.read_text("utf-8").splitlines()] if ROWS.exists() else []
    kept = [row for row in kept if row["name"] in order]
    missing = [name for name in order if name not in {row["name"] for row in kept}]
    with ROWS.open("a", encoding="utf-8") as file:
        for row in rows(missing) if missing else ():
            print(json.dumps(row), file=file, flush=True)
            kept.append(row)
    kept.sort(key=lambda row: order[row["name"]])
    PAGE.write_text(render(kept, seed=SEED, histories=HISTORIES, shrinks=SHRINKS, reasons=REASONS), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
