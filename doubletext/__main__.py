"""The console command `doubletext`, which has all commands of the two packages.

`doubletext mock ...` is `python -m mockserver ...`. The commands of `python -m conformance` have the same names here. A
command imports only the modules that it needs, so the mock starts without pytest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from textwrap import fill
from typing import Final

from doubletext import __version__, packages, pipe
from doubletext.command_line import CommandParser

MOCK: Final = {
    "mock": "serve a mock deployment",
    "mock-schema": "print the JSON Schema of the mock's scripts",
    "defects": "list the faults that `doubletext mock --defect` switches on",
    "record": "print a script that replays a thread of a real deployment",
}
"""The commands of `mockserver`. `conformance.__main__` adds its own."""

EPILOG: Final = """\
To judge a deployment, run: pytest --pyargs conformance --deployment-url URL
For the options of a command, run: doubletext COMMAND --help"""

# Wide enough for one line for each command, also where a terminal is narrower: a wrapped table is harder to read.
WIDTH: Final = 110

OPEN: Final = ("mock", "record")
"""The commands that parse their own arguments. They are dispatched before argparse sees an option of theirs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code, which is 2 if the command cannot run."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return pipe.written(lambda: _run(given))


def _run(given: list[str]) -> int:
    command = given[0] if given and not given[0].startswith("-") else None
    if command in OPEN:
        return _mock(command, given[1:])
    # Only after the mock, which must work in a project that has a package `conformance` of its own.
    problem = packages.problem("conformance")
    if problem is not None and command is not None and command not in MOCK:
        return _fail(command, problem)
    options = _parser(problem).parse_args(given)
    if options.command in MOCK:
        return _mock(options.command, [])
    from conformance.__main__ import run

    return run(options)


def _mock(command: str, arguments: list[str]) -> int:
    """Run a command of `mockserver`."""
    problem = packages.problem("mockserver")
    if problem is not None:
        return _fail(command, problem)
    program = f"doubletext {command}"
    if command == "record":
        from mockserver.recording import main as record

        return record(arguments, program)
    from mockserver.__main__ import main as mock

    return mock([command.removeprefix("mock-")] if command != "mock" else arguments, program)


def _fail(command: str, problem: str) -> int:
    """Print the reason why a command cannot run, and return the exit code 2, as argparse does for a usage error."""
    print(f"doubletext {command}: {problem}", file=sys.stderr)
    return 2


def _parser(problem: str | None) -> argparse.ArgumentParser:
    """Return the parser of all commands. If `conformance` has a `problem`, the parser has none of its commands."""
    parser = CommandParser(
        prog="doubletext",
        usage="doubletext [-h] [--version] COMMAND [ARGUMENT ...]",
        description="Tools for double texting on LangGraph Agent Servers.",
        epilog=EPILOG if problem is None else fill(f"The suite's commands are not available: {problem}", WIDTH),
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=20, width=WIDTH),
    )
    parser.add_argument("--version", action="version", version=f"doubletext {__version__}")
    # argparse computes the width of the left column without the indent of the commands. The arguments in the metavar
    # make it as wide as the longest command and its indent.
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND [ARGUMENT ...]", dest="command", prog="doubletext", title="commands"
    )
    for name, about in MOCK.items():
        # A description, too: argparse shows the help of a command only in the list of all commands.
        commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    if problem is None:
        from conformance.__main__ import add_commands

        add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
