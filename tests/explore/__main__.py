"""The command `python -m tests.explore`, see `proof`."""

from __future__ import annotations

import json
import sys

from tests.explore.page import render
from tests.explore.proof import HISTORIES, PAGE, REASONS, SEED, rows

if __name__ == "__main__":
    names = sys.argv[1:]
    found = []
    for row in rows(names):
        print(json.dumps(row), flush=True)
        found.append(row)
    if not names:
        PAGE.write_text(render(found, seed=SEED, histories=HISTORIES, reasons=REASONS), "utf-8")
