"""`python -m conformance`: what the suite offers besides being run by pytest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code is 0, or 1 when something is out of date."""
    options = _parser().parse_args(arguments)
    if options.command == "requirements":
        return _requirements()
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
    return parser


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
