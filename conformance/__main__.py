"""`python -m conformance`: what the suite offers besides being run by pytest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code is 0, or 1 when something is out of date or unreadable."""
    options = _parser().parse_args(arguments)
    if options.command == "requirements":
        return _requirements()
    if options.command == "profile":
        return _profile(options.reports, options.name)
    return _schemas(check=options.check)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Maintains the conformance suite. To judge a deployment: pytest --pyargs conformance",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    schemas = commands.add_parser("schemas", help="write the JSON Schemas of reports and transcripts")
    schemas.add_argument("--check", action="store_true", help="write nothing; exit code 1 when one is out of date")
    commands.add_parser("requirements", help="print the rule book as a Markdown page")
    profile = commands.add_parser("profile", help="draft a profile from reports of one deployment, and print it")
    profile.add_argument(
        *("--from", "--report"),
        dest="reports",
        type=Path,
        action="extend",
        nargs="+",
        required=True,
        metavar="REPORT",
        help="report.json, or its folder; with several, what did not fail in all of them is drafted as flaky",
    )
    profile.add_argument("--name", help="what the profile is to be called (default: the server's name)")
    return parser


def _profile(paths: Sequence[Path], name: str | None) -> int:
    import msgspec

    from conformance import drafting
    from conformance.report import Report

    reports = []
    for path in paths:
        file = path / "report.json" if path.is_dir() else path
        try:
            reports.append(msgspec.json.decode(file.read_bytes(), type=Report))
        except (OSError, msgspec.DecodeError) as error:
            print(f"{file}: cannot be read as a report: {error}", file=sys.stderr)
            return 1
    print(drafting.draft(reports, name), end="")
    return 0


def _requirements() -> int:
    from conformance import rulebook

    print(rulebook.render(), end="")
    return 0


def _schemas(*, check: bool) -> int:
    from conformance import schemas

    if check:
        stale = schemas.out_of_date()
        for name in stale:
            print(f"{name} is out of date: run python -m conformance schemas", file=sys.stderr)
        return 1 if stale else 0
    for path in schemas.write():
        print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
