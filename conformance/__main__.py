"""The command `python -m conformance`: work with reports, profiles and the rule book, without a deployment."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from doubletext import packages, pipe
from doubletext.command_line import CommandParser
from doubletext.deployment_options import DEADLINE_SCALE, DEPLOYMENT, WITNESS_HOST


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute a command line and return the exit code.

    It is 0, or 1 when a check or a verdict fails, or 2 when the command cannot be executed.
    """
    # A checkout of another project may have a package `conformance`, which Python would find first.
    problem = packages.problem("conformance")
    if problem is not None:
        print(f"conformance: {problem}", file=sys.stderr)
        return 2
    parser = CommandParser(
        prog="python -m conformance",
        description="Work with reports, profiles and the rule book, offline. "
        "To judge a deployment, run: pytest --pyargs conformance --deployment-url=URL",
    )
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND", dest="command"))
    options = parser.parse_args(arguments)
    return pipe.written(lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Execute parsed arguments and return the exit code."""
    match options.command:
        case "requirements":
            return _requirements()
        case "show":
            return _show(options.ids)
        case "profile":
            return _profile(options)
        case "compare":
            return _compare(options)
        case "judge":
            return _judge(options)
        case "explore" | "play":
            return _explore(options)
        case _:
            return _schemas(check=options.check)


def add_commands(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add every command to a parser, which is that of `python -m conformance` or that of `doubletext`."""
    schemas = commands.add_parser("schemas", help="write the JSON Schemas of reports, transcripts and profiles")
    schemas.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a schema is out of date")
    judge = commands.add_parser("judge", help="judge recorded transcripts again, and print the verdicts that changed")
    judge.add_argument("folder", type=Path, metavar="DIR", help="the folder of --conformance-report")
    judge.add_argument(
        "--rule-book",
        default="present",
        metavar="WHICH",
        help="`present` (default), `kept` (that of DIR/report.json), or the path of a report with another one",
    )
    judge.add_argument(
        "--deployment-profile",
        metavar="NAME_OR_PATH",
        help="the vendor's declarations (default: the shipped profile that DIR/report.json names)",
    )
    judge.add_argument("--write", type=Path, metavar="DIR", help="write the new report.json and report.html into DIR")
    compare = commands.add_parser("compare", help="show reports side by side, and what changed between two versions")
    compare.add_argument(
        "reports",
        type=Path,
        nargs="+",
        metavar="REPORT",
        help="a report.json, a folder of reports, or a single file that --json wrote",
    )
    compare.add_argument("--html", type=Path, metavar="FILE", help="write a page to which readers can add their report")
    compare.add_argument("--markdown", type=Path, metavar="FILE", help="write a Markdown page")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the comparison as JSON")
    compare.add_argument("--badges", type=Path, metavar="DIR", help="write SVG badges and endpoints for shields.io")
    compare.add_argument(
        "--fail-on",
        choices=["regressions"],
        help="exit with 1 if a verdict is worse in the last report than in the first, both of one server",
    )
    commands.add_parser("requirements", help="print the rule book as a Markdown page")
    show = commands.add_parser("show", help="print a requirement with its sources, check, scenarios and proofs")
    show.add_argument("ids", nargs="+", metavar="ID", help="a requirement, such as INT-02 or int-02")
    profile = commands.add_parser("profile", help="print a draft of a profile, made from reports of one deployment")
    profile.add_argument(
        *("--from", "--report"),
        dest="reports",
        type=Path,
        action="extend",
        nargs="+",
        required=True,
        metavar="REPORT",
        help="a report.json or its folder; of three or more, a failure that is not in each is drafted as flaky",
    )
    profile.add_argument("--name", help="the name of the profile (default: the server's name)")
    _add_exploration(commands)
    for command in commands.choices.values():
        # Errors begin with it, and it differs between `python -m conformance` and `doubletext`.
        command.set_defaults(program=command.prog.removeprefix("python -m "))


def _add_exploration(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add the commands that play random histories and kept ones."""
    explore = commands.add_parser("explore", help="look for faults of a deployment with random histories")
    explore.add_argument(
        "--for", dest="budget", metavar="TIME", help="the time to explore, such as 90s, 5m or 1h (default: 5m)"
    )
    explore.add_argument("--histories", type=int, metavar="N", help="end after N histories")
    explore.add_argument("--seed", type=int, default=0, metavar="N", help="the series of histories (default: 0)")
    explore.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write the findings and a page to DIR. Findings that are there already are counted, and not reduced again",
    )
    explore.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="play the histories on the workers of this dask scheduler, such as tcp://scheduler:8786",
    )
    play = commands.add_parser("play", help="play a history that an exploration kept, and explain it")
    play.add_argument(
        "file", type=Path, metavar="FILE", help="a .history.json of an exploration, or a scenario as JSON"
    )
    play.add_argument("--times", type=int, default=1, metavar="N", help="play it N times (default: 1)")
    for command in (explore, play):
        for name, settings in DEPLOYMENT.items():
            command.add_argument(name, **settings)
        command.add_argument(
            "--jobs", dest="conformance_jobs", metavar="N", help="play N histories at a time, or `auto`"
        )
        command.add_argument("--deadline-scale", dest="conformance_deadline_scale", **DEADLINE_SCALE)
        command.add_argument("--witness-host", dest="conformance_witness_host", **WITNESS_HOST)
        command.add_argument(
            "--exact", action="store_true", help="admit only what a server with indivisible changes may do"
        )


def _explore(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("hypothesis") is None:
        print(f"{options.program}: hypothesis is missing. Install doubletext[suite,explore]", file=sys.stderr)
        return 2
    from conformance.explore import command

    return command.explore(options) if options.command == "explore" else command.play(options)


def _profile(options: argparse.Namespace) -> int:
    from conformance.report import draft_profile
    from conformance.report.load import Unreadable, read_report

    try:
        reports = [read_report(path) for path in options.reports]
    except Unreadable as reason:
        print(f"{options.program}: {reason}", file=sys.stderr)
        return 2
    print(draft_profile.draft(reports, options.name), end="")
    return 0


def _requirements() -> int:
    from conformance.requirements import page

    print(page.render(), end="")
    return 0


def _show(requirement_ids: Sequence[str]) -> int:
    from conformance.report import show

    return show.command(requirement_ids)


def _judge(options: argparse.Namespace) -> int:
    from conformance.judge.profiles import ProfileError
    from conformance.report import rejudge
    from conformance.report.load import Unreadable

    try:
        return rejudge.command(options.folder, options.rule_book, options.deployment_profile, options.write)
    except (Unreadable, ProfileError) as reason:
        print(f"{options.program}: {reason}", file=sys.stderr)
        return 2


def _compare(options: argparse.Namespace) -> int:
    from conformance.report.compare import Outputs, command
    from conformance.report.load import Unreadable

    outputs = Outputs(html=options.html, markdown=options.markdown, json=options.json, badges=options.badges)
    try:
        return command(options.reports, outputs, options.fail_on)
    except BrokenPipeError:  # an OSError, but no error of the command: `pipe.written` handles a closed pipe
        raise
    except (Unreadable, OSError) as reason:
        print(f"{options.program}: {reason}", file=sys.stderr)
        return 2


def _schemas(*, check: bool) -> int:
    from conformance import schemas

    if check:
        stale = schemas.out_of_date()
        for name in stale:
            print(f"{name} is out of date; run: python -m conformance schemas", file=sys.stderr)
        return 1 if stale else 0
    for path in schemas.write():
        print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
