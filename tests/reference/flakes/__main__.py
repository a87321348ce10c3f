"""Judges reference servers several times, and writes the page of what changed from run to run.

    python -m tests.reference.flakes --runs 10 --report-dir build/flakes --server python --workers 10

Runs whose reports are in `--report-dir` count: a command that was interrupted plays what is missing. Arguments behind
`--` go to pytest, and must be the same for all runs. `--page` only writes the page, from the kept facts and the present
profiles. The result is 1 if a verdict changed that no profile declares as flaky.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.report.load import Unreadable, parse, read_report
from conformance.report.report import Report
from tests.reference.__main__ import add_servers, at_least_one, requested
from tests.reference.flakes.page import counts, render
from tests.reference.flakes.result import FORMAT, VERSION, Flakes, Runs, compare
from tests.reference.process import ServerError
from tests.reference.references import CHECKOUT, Reference, judge

KEPT = CHECKOUT / "fixtures" / "reports" / "flakes.json"
PAGE = CHECKOUT / "docs" / "reference" / "flakes.md"


def read_kept() -> Flakes:
    """Return the facts of the page. Raise Unreadable."""
    return parse(KEPT.read_bytes(), Flakes, FORMAT, VERSION, str(KEPT))


def play(reference: Reference, folder: Path, runs: int, extra: Sequence[str]) -> list[Report]:
    """Return the reports of several runs, after playing those that are missing. Raise ServerError and Unreadable."""
    reports = []
    for number in range(1, runs + 1):
        mine = folder / f"run-{number:02}"
        if not (mine / reference.name / "report.json").exists():
            print(f"\n===== {reference.title}, run {number} of {runs} =====\n", flush=True)
            judge(reference, mine, extra)
        reports.append(read_report(mine / reference.name))
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.reference.flakes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_servers(parser)
    parser.add_argument("--runs", type=at_least_one, default=10, metavar="N", help="default 10")
    parser.add_argument("--report-dir", type=Path, help="where the reports and logs of all runs go")
    parser.add_argument("--page", action="store_true", help="only write the page, from what is kept")
    parser.add_argument("pytest_arguments", nargs="*", help="more arguments for pytest, behind --")
    options = parser.parse_args(arguments)
    if options.page == bool(options.report_dir):
        parser.error("give --report-dir, or --page to write only the page")
    found: dict[str, Runs] = {}
    try:
        for reference in () if options.page else requested(parser, options):
            reports = play(reference, options.report_dir.resolve(), options.runs, options.pytest_arguments)
            found[reference.name] = compare(reference.title, reports, shlex.join(options.pytest_arguments))
        # Read last: another command may have judged another server meanwhile.
        kept = read_kept() if KEPT.exists() else Flakes()
    except (ServerError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 2
    kept.servers.update(found)
    if not options.page:
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    PAGE.write_text(render(kept), "utf-8")
    return _report_undeclared(kept)


def _report_undeclared(kept: Flakes) -> int:
    """Print the changes that no profile declares. Return 1 if there is one."""
    found = [(one, changed) for one in kept.servers.values() for changed in one.undeclared()]
    for one, changed in found:
        print(f"{one.title}: {changed.scenario}::{changed.requirement}: {counts(changed.verdicts)}: {changed.reason}")
    print(f"{len(found)} changes that no profile declares as flaky")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
