"""Judges the reference servers with the suite, one after another. Arguments behind `--` go to pytest.

The Python server is judged once for each `--workers`, the JavaScript server once for each `--line`, and the servers of
other vendors once for each `--vendor`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reference.langgraphjs_dev import LINES, NEWEST
from tests.reference.process import ServerError
from tests.reference.references import Reference, javascript, judge, python, vendor
from tests.reference.vendors import VENDORS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite against every requested server. Return 0 if every run was green."""
    parser = _parser()
    options = parser.parse_args(arguments)
    red: list[str] = []
    for reference in requested(parser, options):
        print(f"\n===== {reference.title} =====\n", flush=True)
        try:
            code = judge(reference, options.report_dir.resolve(), options.pytest_arguments)
        except ServerError as error:
            print(error, file=sys.stderr, flush=True)
            code = 2
        if code != 0:
            red.append(f"{reference.name} (exit code {code})")
    print(f"\n===== {'not green: ' + ', '.join(red) if red else 'all green'} =====", flush=True)
    return 1 if red else 0


def requested(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Reference]:
    """Return the servers that the options of `add_servers` name. End the program if they do not fit each other."""
    for server, option in (("python", "workers"), ("js", "line"), ("vendors", "vendor")):
        if getattr(options, option) and options.server != server:
            parser.error(f"--{option} is for --server {server}")
    match options.server:
        case "js":
            return [javascript(line) for line in options.line or LINES]
        case "vendors":
            return [vendor(name) for name in options.vendor or VENDORS]
        case _:
            return [python(workers) for workers in options.workers or [1]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    add_servers(parser)
    parser.add_argument("--report-dir", type=Path, required=True, help="where reports and server logs go")
    parser.add_argument("pytest_arguments", nargs="*", help="more arguments for pytest, behind --")
    return parser


def add_servers(parser: argparse.ArgumentParser) -> None:
    """Add the options that name reference servers."""
    parser.add_argument("--server", choices=("python", "js", "vendors"), default="python", help="default python")
    parser.add_argument(
        "--workers",
        type=at_least_one,
        action="append",
        metavar="N",
        help="runs that `langgraph dev` plays at once; may be given several times; default 1",
    )
    parser.add_argument(
        "--line",
        choices=(*LINES, NEWEST),
        action="append",
        help="release line of `langgraphjs dev`; may be given several times; default: each but `newest`",
    )
    parser.add_argument(
        "--vendor", choices=tuple(VENDORS), action="append", help="may be given several times (default: each)"
    )


def at_least_one(text: str) -> int:
    """Return the number of an option that is at least 1. Raise ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
