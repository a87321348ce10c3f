"""`doubletext COMMAND`: everything that the two packages offer on the command line.

`doubletext mock ...` is `python -m mockserver ...`, and the commands of `python -m conformance` have their own names
here. A command imports only what it needs: the mock starts without pytest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from doubletext import __version__, packages, pipe

MOCK: Final = {
    "mock": "serve a mock deployment",
    "mock-schema": "print the JSON Schema of the mock's scripts",
    "defects": "list the faults that `doubletext mock --defect` switches on",
    "record": "print a script that plays a thread of a real deployment again",
}
"""The commands of `mockserver`; those of `conformance` are added where it knows them."""

OPEN: Final = ("mock", "record")
"""Commands that parse their own arguments."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for, and return the exit code: 2 when it cannot be done."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return pipe.written(lambda: _run(given))


def _run(given: list[str]) -> int:
    command = given[0] if given and not given[0].startswith("-") else None
    if command in OPEN:
        return _mock(command, given[1:])
    problem = packages.problem("conformance")
    if problem is not None and command is not None and command not in MOCK:
        return _refused(command, problem)
    options = _parser(problem).parse_args(given)
    if options.command in MOCK:
        return _mock(options.command, [])
    from conformance.__main__ import run

    return run(options)


def _mock(command: str, arguments: list[str]) -> int:
    """Run a command of `mockserver`."""
    problem = packages.problem("mockserver")
    if problem is not None:
        return _refused(command, problem)
    program = f"doubletext {command}"
    if command == "record":
        from mockserver.recording import main as record

        return record(arguments, program)
    from mockserver.__main__ import main as mock

    return mock([command.removeprefix("mock-")] if command != "mock" else arguments, program)


def _refused(command: str, problem: str) -> int:
    print(f"doubletext {command}: {problem}", file=sys.stderr)
    return 2


def _parser(problem: str | None) -> argparse.ArgumentParser:
    """Return the parser of all commands; without those of `conformance` where it has a `problem`."""
    parser = argparse.ArgumentParser(
        prog="doubletext",
        usage="doubletext [-h] [--version] COMMAND [ARGUMENT ...]",
        description="Double texting on LangGraph Agent Servers. To judge a deployment: pytest --pyargs conformance",
        epilog=f"No other commands here: {problem}" if problem else None,
        # A line for each command.
        formatter_class=partial(argparse.HelpFormatter, max_help_position=20, width=110),
    )
    parser.add_argument("--version", action="version", version=f"doubletext {__version__}")
    # argparse makes room for the longest name at the margin, and forgets that commands are indented: the arguments in
    # the metavar are as wide as the longest command and its indent.
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND [ARGUMENT ...]", dest="command", prog="doubletext", title="commands"
    )
    for name, about in MOCK.items():
        commands.add_parser(name, help=about)
    if problem is None:
        from conformance.__main__ import add_commands

        add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
