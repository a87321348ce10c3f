"""`python -m mockserver`: a mock deployment in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from doubletext import __version__, packages

if TYPE_CHECKING:
    from mockserver.control.controller import Controller
    from mockserver.defects import Defect

_LEVELS = ("debug", "info", "warning", "error")
_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str] | None = None, program: str = "python -m mockserver") -> int:
    """Serve until SIGINT or SIGTERM; the exit code is 0 then, and 2 when the address cannot be used."""
    name = program.removeprefix("python -m ")
    problem = packages.problem("mockserver")
    if problem is not None:
        print(f"{name}: {problem}", file=sys.stderr)
        return 2
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["record"]:
        # A command of its own, with options of its own.
        from mockserver.recording import main as record

        return record(arguments[1:], f"{program} record")
    options = _parser(program).parse_args(arguments)
    if options.command == "schema":
        from mockserver.script.load import schema

        print(json.dumps(schema(), indent=2))
        return 0
    if options.command == "defects":
        from mockserver.defects.registry import listing

        print(listing())
        return 0
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    return asyncio.run(_serve(options, name))


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="A mock deployment of the LangGraph Agent Server API, deterministic and in memory.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "defects", "schema", "record"),
        default="serve",
        help="`defects` lists what --defect takes; `schema` writes the JSON Schema of scripts; `record --help` "
        "tells how to make a script of a real deployment's thread (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=2024, help="0 picks a free port (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="makes the ids (default: %(default)s)")
    parser.add_argument(
        "--time-scale",
        type=_scale,
        default=1.0,
        help="how long scripted delays take; 0 for no time at all (default: %(default)s)",
    )
    parser.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="requests are logged at info (default: %(default)s)"
    )
    parser.add_argument(
        "--time",
        choices=("real", "instant", "hand"),
        default="real",
        help="how scripted time passes: real, with --time-scale; instant, all in its order; or by hand, over the "
        "control API (default: %(default)s)",
    )
    parser.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="what the agent does (default: the guides' conversation); SIGHUP reads it again",
    )
    parser.add_argument(
        "--run-timeout", type=_seconds, metavar="SECONDS", help="how long a run may take (default: any time)"
    )
    parser.add_argument(
        "--defect",
        action="append",
        default=[],
        metavar="NAME[:TIMES]",
        help="get something wrong, for good or for its next TIMES occurrences; may be given several times",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[@AT]",
        help="do something to every answer: delay@SECONDS, bad-gateway, truncate, or after so many events of a stream "
        "cut@EVENTS, duplicate@EVENTS, reorder@EVENTS; may be given several times",
    )
    parser.add_argument(
        "--allow-callbacks",
        action="append",
        default=[],
        metavar="HOST",
        help="also send webhooks and reports of probes to HOST (default: to the loopback only); may be repeated",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="also answer control requests that reach the mock under the name HOST (default: localhost, addresses, and "
        "the name of --host); may be repeated",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages of ORIGIN, such as http://localhost:3000, use the control API (default: no page); may be "
        "repeated",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time")
    return seconds


def _scale(text: str) -> float:
    scale = float(text)
    if not 0 <= scale <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return scale


class BadDefectError(Exception):
    """A `--defect` that cannot be switched on; the text says why."""


def _defects(asked: list[str]) -> list[Defect]:
    """The defects that `NAME[:TIMES]` ask for. Raises `BadDefectError`."""
    if not asked:
        return []
    from mockserver.defects import UnknownDefectError, named

    found = []
    for name, _, times in (one.partition(":") for one in asked):
        if times and not (times.isascii() and times.isdecimal() and int(times)):
            raise BadDefectError(f"--defect {name}:{times}: {times!r} is no number of occurrences; give 1 or more")
        try:
            found.append(named(name)(int(times) if times else None))
        except UnknownDefectError as error:
            raise BadDefectError(f"--defect: {error}") from None
    return found


@contextlib.contextmanager
def _importing_quickly() -> Iterator[None]:
    """Import without what takes a third of the time to start and serves nobody.

    Nothing becomes garbage while modules are imported, so nobody need look for it. And aiohttp reads the system's
    certificates when it is imported, but a mock deployment is asked over plain HTTP; for a witness behind TLS they
    are read when it is first told something.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    saved = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, os.devnull))
    gc.disable()
    try:
        yield
    finally:
        # What was imported stays, and so does most of what is remembered, so there is rarely much garbage to find.
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        gc.enable()
        for name in names:
            del os.environ[name]
        os.environ.update(saved)


async def _serve(options: argparse.Namespace, name: str) -> int:
    with _importing_quickly():
        from mockserver.app import create_app, listening
        from mockserver.control.controller import clock_of
        from mockserver.control.routes import CONTROLLER
        from mockserver.script.load import ScriptError, load
        from mockserver.web import exhaustion
        from mockserver.web.faults import BadFaultError

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    exhaustion.raise_limit()
    exhaustion.report_once(loop)
    for number in _ENDING:
        loop.add_signal_handler(number, _end, loop, stop)
    try:
        script = load(options.script) if options.script else None
        app = create_app(
            seed=options.seed,
            clock=clock_of(options.time, options.time_scale),
            script=script,
            defects=_defects(options.defect),
            faults=options.fault,
            run_timeout=options.run_timeout,
            allow_callbacks=options.allow_callbacks,
            allow_hosts=options.allow_host,
            allow_origins=options.allow_origin,
        )
    except (ScriptError, BadDefectError, BadFaultError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    loop.add_signal_handler(signal.SIGHUP, _reload, options.script, app[CONTROLLER])
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(listening(app, options.host, options.port))
        except OSError as error:
            return _refused(name, f"cannot listen on {options.host}:{options.port}", error)
        try:
            print(f"mockserver listening on {url}", flush=True)
        except OSError as error:
            # The interpreter flushes once more at its end, and must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _refused(name, "cannot write to the standard output", error)
        await stop.wait()
    return 0


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Begin to shut down, and let the next signal kill the process."""
    for number in _ENDING:
        loop.remove_signal_handler(number)
        # asyncio puts back Python's handler of SIGINT, which would raise an exception in the middle of the shutdown.
        signal.signal(number, signal.SIG_DFL)
    logging.getLogger("mockserver").info("shutting down; a second signal ends the process at once")
    stop.set()


def _refused(name: str, text: str, error: OSError) -> int:
    """Report in one line what the system refused, and return the exit code for it."""
    # asyncio words a failed bind at length; a name that does not resolve has no error number of the system.
    named = error.errno is not None and error.errno > 0
    reason = os.strerror(error.errno or 0) if named else error.strerror
    print(f"{name}: {text}: {reason}", file=sys.stderr)
    return 2


def _reload(path: Path | None, controller: Controller) -> None:
    """Load the script again, and keep the old one where the new one cannot be read."""
    from mockserver.script.load import ScriptError, load

    if path is None:
        logging.getLogger("mockserver").warning("there is no script to load again: start with --script FILE")
        return
    try:
        controller.load_script(load(path))
    except ScriptError as error:
        logging.getLogger("mockserver").error("the script was not read again: %s", error)
    else:
        logging.getLogger("mockserver").info("the script %s was read again", path)


if __name__ == "__main__":
    sys.exit(main())
