"""Compares two recordings of the suite: `python -m tests.reference.side_by_side REFERENCE MOCK`.

Both are folders of reports with every transcript. It writes the page and its facts, and prints the differences without
an explanation. With `--page` it writes only the page, from the kept facts. It returns 1 if a difference has no
explanation, or an explanation matches nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.report.load import Unreadable, parse
from conformance.transcript.text import one_line
from tests.reference.side_by_side.explaining import TableError, read_table
from tests.reference.side_by_side.page import render
from tests.reference.side_by_side.result import FORMAT, VERSION, SideBySide, side_by_side

CHECKOUT = Path(__file__).parents[3]
KEPT = CHECKOUT / "fixtures" / "reports" / "side-by-side.json"
PAGE = CHECKOUT / "docs" / "reference" / "side-by-side.md"


def read_kept() -> SideBySide:
    """Return the facts of the page. Raise Unreadable."""
    return parse(KEPT.read_bytes(), SideBySide, FORMAT, VERSION, str(KEPT))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reference.side_by_side", description=__doc__)
    parser.add_argument("reports", nargs="*", type=Path, metavar="REPORT", help="the reference's folder, the mock's")
    parser.add_argument("--page", action="store_true", help="only write the page, from what is kept")
    options = parser.parse_args(arguments)
    if len(options.reports) != (0 if options.page else 2):
        parser.error("give the folders of two reports, the reference's and the mock's; or --page and none")
    try:
        reasons = read_table()
        found = read_kept() if options.page else side_by_side(options.reports[0], options.reports[1], reasons)
    except (Unreadable, TableError) as error:
        parser.error(str(error))
    if not options.page:
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    PAGE.write_text(render(found, reasons), "utf-8")
    return _tell(found, found.stale(reasons))


def _tell(found: SideBySide, stale: Sequence[str]) -> int:
    """Return the remaining problems, and the counts."""
    for difference in found.unexplained:
        print(f"{difference.scenario}: {difference.place}")
        print(f"  {one_line(difference.reference, 160)}\n  {one_line(difference.mock, 160)}")
    for name in stale:
        print(f"{name}: explains nothing; take it out of the table")
    equal = sum(one.equal for one in found.scenarios)
    open_ones = sum(bool(one.unexplained) for one in found.scenarios)
    print(f"{equal} of {len(found.scenarios)} equal, {len(found.unexplained)} differences of {open_ones} not explained")
    return int(bool(found.unexplained or stale))


if __name__ == "__main__":
    sys.exit(main())
