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
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from doubletext import __version__, packages
from mockserver.piped_log import PipedLog
from mockserver.words import nearest, quoted, unknown

if TYPE_CHECKING:
    from mockserver.control.controller import Controller
    from mockserver.defects import Defect

T = TypeVar("T")
_LEVELS = ("debug", "info", "warning", "error")
_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str] | None = None, program: str = "python -m mockserver") -> int:
    """Run the command and return its exit code.

    `serve` returns 0 after SIGINT or SIGTERM, and 2 if an option is invalid or the address cannot be bound.
    """
    name = program.removeprefix("python -m ")
    problem = packages.problem("mockserver")
    if problem is not None:
        print(f"{name}: {problem}", file=sys.stderr)
        return 2
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["record"]:
        # Dispatched before argparse, because `record` shares no option with the other commands.
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
    if options.from_graph is not None and (options.script or options.graph):
        print(f"{name}: --from-graph writes a script and takes no --script or --graph. Leave them out", file=sys.stderr)
        return 2
    if options.from_graph is not None:
        return _write_script(options.from_graph, name)
    log = PipedLog()
    logging.basicConfig(
        handlers=[log], level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        return asyncio.run(_serve(options, name))
    finally:
        logging.getLogger().removeHandler(log)
        log.flush()


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line with the nearest right word."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments. An unknown option ends the program before its value is taken for something else."""
        for one in args or ():
            name = one.partition("=")[0]
            # argparse accepts the beginning of an option.
            if name.startswith("--") and name != "--" and not any(known.startswith(name) for known in self._options):
                self.error(unknown("option", name, self._options, meant=OPTIONS_MEANT))
            # Taken for a command otherwise. A number is the value of an option.
            if re.fullmatch("-[A-Za-z]", name) and name not in self._option_string_actions:
                self.error(unknown("option", name, self._options, meant=OPTIONS_MEANT))
        return super().parse_known_args(args, namespace)

    @property
    def _options(self) -> list[str]:
        return [option for action in self._actions for option in action.option_strings if option.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """End the program with code 2 and one line."""
        if (
            source := re.search(r"argument command: invalid choice: '(?P<name>[^']*\.(ya?ml|json))'", message)
        ) is not None:
            message = f"a script is given with an option. Write --script {source['name']}"
        choice = re.search(r"invalid choice: '(?P<word>[^']*)' \(choose from (?P<known>.*)\)$", message)
        near = nearest(choice["word"], re.findall(r"[\w-]+", choice["known"]), CHOICES_MEANT) if choice else None
        suggestion = f". Did you mean {near}?" if near is not None else ""
        self.exit(2, f"{self.prog}: error: {message.rstrip('.')}{suggestion or '.'} See {self.prog} --help\n")


OPTIONS_MEANT: Final = {
    **dict.fromkeys(("-p",), "--port"),
    **dict.fromkeys(("-v", "-q"), "--log-level"),
    **dict.fromkeys(("-s",), "--script"),
    **dict.fromkeys(("--clock", "--time-mode"), "--time"),
    **dict.fromkeys(("--speed", "--scale"), "--time-scale"),
    **dict.fromkeys(("--bug", "--bugs", "--defects"), "--defect"),
    **dict.fromkeys(("--scenario", "--config", "--file", "--yaml"), "--script"),
    **dict.fromkeys(("--bind", "--address", "--listen"), "--host"),
    **dict.fromkeys(("--cors", "--cors-origin", "--origin"), "--allow-origin"),
    **dict.fromkeys(("--n-jobs-per-worker", "--jobs", "--concurrency"), "--workers"),
    **dict.fromkeys(("--verbose", "--debug", "--quiet"), "--log-level"),
    **dict.fromkeys(("--timeout",), "--run-timeout"),
}
"""The options of other servers, with those of this one."""

CHOICES_MEANT: Final = {
    **dict.fromkeys(("manual", "paused", "frozen", "fake"), "hand"),
    **dict.fromkeys(("fast", "skip", "none"), "instant"),
    **dict.fromkeys(("start", "run", "dev", "up"), "serve"),
    **dict.fromkeys(("bugs", "list"), "defects"),
    **dict.fromkeys(("warn",), "warning"),
    **dict.fromkeys(("verbose", "trace", "all"), "debug"),
    **dict.fromkeys(("quiet", "silent", "off", "critical"), "error"),
}
"""Words of other tools for the values of options."""


def _parser(program: str) -> argparse.ArgumentParser:
    from mockserver.settings import MAX_BODY

    parser = _Parser(
        prog=program,
        description="Run a mock deployment of the LangGraph Agent Server API, deterministic and in memory.",
        epilog="While it runs, GET /_mock lists the commands of its control API, and GET /docs lists the API.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "defects", "schema", "record"),
        default="serve",
        help="`serve` starts the deployment, `defects` lists the names that --defect accepts, `schema` prints the "
        "JSON Schema of scripts, and `record` turns a thread of a real deployment into a script, see `record --help` "
        "(default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=2024, help="port to listen on, or 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, help="number from which every id is generated (default: %(default)s)"
    )
    parser.add_argument(
        "--time-scale",
        type=_scale,
        default=1.0,
        help="factor for scripted delays with --time real, 0 to skip them (default: %(default)s)",
    )
    parser.add_argument(
        "--log-level",
        choices=_LEVELS,
        default="info",
        help="lowest level to log to standard error; each request is logged at info (default: %(default)s)",
    )
    parser.add_argument(
        "--time",
        choices=("real", "instant", "hand"),
        default="real",
        help="clock for scripted delays: `real` waits, `instant` skips every delay and keeps the order of events, "
        "`hand` advances only through the control API (default: %(default)s)",
    )
    parser.add_argument(
        "--script",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="YAML file with the behavior of a graph, which is called NAME, or as the file says, or `agent`. Also a "
        "folder of such files, or a file like langgraph.json. Repeatable, and read again on SIGHUP (default: "
        "the conversation of the double-texting guides)",
    )
    parser.add_argument(
        "--from-graph",
        metavar="[NAME=]FILE.py:GRAPH",
        help="print a script to fill in, with the nodes, edges, channels and schemas of a compiled LangGraph graph, "
        "and start no deployment. The graph is imported, and not executed",
    )
    parser.add_argument("--graph", metavar="NAME", help="name of the graph without a script (default: agent)")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse with 422 what is otherwise ignored, as by the official server: unknown fields and parameters, and "
        "values without effect",
    )
    parser.add_argument(
        "--max-body",
        type=_bytes,
        default=MAX_BODY,
        metavar="BYTES",
        help="largest request body. A larger one is refused with 413 (default: %(default)s)",
    )
    parser.add_argument(
        "--run-timeout",
        type=_seconds,
        metavar="SECONDS",
        help="scripted time after which a run ends with status timeout (default: no limit)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="number of runs that execute at the same time, others stay pending (default: no limit)",
    )
    parser.add_argument(
        "--defect",
        action="append",
        default=[],
        metavar="NAME[:TIMES]",
        help="switch the defect NAME on, permanently or for its next TIMES occurrences; repeatable",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[@AT]",
        help="apply a fault to every response: delay@SECONDS, bad-gateway, truncate, or, after that many events of a "
        "stream, cut@EVENTS, end@EVENTS, duplicate@EVENTS, reorder@EVENTS; repeatable",
    )
    parser.add_argument(
        "--allow-callbacks",
        action="append",
        default=[],
        metavar="HOST",
        help="also send webhooks and reports of probes to HOST (default: to the loopback only); repeatable",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="also answer control requests that reach the mock under the name HOST (default: localhost, addresses, and "
        "the name of --host); repeatable",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages of ORIGIN, such as http://localhost:3000, use the control API (default: no page); "
        "repeatable",
    )
    parser.add_argument(
        "--stop-on-eof",
        action="store_true",
        help="shut down when the standard input ends. With a pipe as its standard input, the deployment then ends with "
        "the program that started it, however that ends",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _write_script(option: str, name: str) -> int:
    """Print the script of a compiled graph, and return the exit code."""
    from mockserver.from_graph import GraphError, written

    try:
        text = written(option)
    except GraphError as error:
        print(f"{name}: --from-graph: {error}", file=sys.stderr)
        return 2
    print(text, end="")
    return 0


def _number(kind: Callable[[str], T], text: str, what: str, wanted: str) -> T:
    """Return the number in the value of an option. argparse would name the function that reads it."""
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not {what}. Give {wanted}") from None


def _seed(text: str) -> int:
    return _number(int, text, "a seed", "a whole number")


def _port(text: str) -> int:
    port = _number(int, text, "a port", "a number from 0 to 65535")
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; give a number from 0 to 65535")
    return port


def _seconds(text: str) -> float:
    seconds = _number(float, text, "a time limit", "a number of seconds above 0")
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time limit; give a number of seconds above 0")
    return seconds


def _workers(text: str) -> int:
    workers = _number(int, text, "a number of workers", "a whole number of 1 or more")
    if workers < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of workers. Give a whole number of 1 or more")
    return workers


def _bytes(text: str) -> int:
    size = _number(int, text, "a size", "a number of bytes above 0")
    if size < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a size. Give a number of bytes above 0")
    return size


def _scale(text: str) -> float:
    scale = _number(float, text, "a factor", "a number between 0 and 1000")
    if not 0 <= scale <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return scale


class BadDefectError(Exception):
    """A `--defect` that cannot be switched on. Its text states the reason."""


def _defects(options: list[str]) -> list[Defect]:
    """Return the defects that the `NAME[:TIMES]` options name. Raises `BadDefectError`."""
    if not options:
        # Without defects their modules are not imported, and the server starts faster.
        return []
    from mockserver.defects import UnknownDefectError, named

    found = []
    for name, _, times in (one.partition(":") for one in options):
        # isdecimal() alone accepts digits of other scripts.
        if times and not (times.isascii() and times.isdecimal() and int(times)):
            raise BadDefectError(
                f'--defect {name}:{times}: "{times}" is not a number of occurrences; give a whole number of 1 or more'
            )
        try:
            found.append(named(name)(int(times) if times else None))
        except UnknownDefectError as error:
            raise BadDefectError(f"--defect: {error}") from None
    return found


@contextlib.contextmanager
def _importing_quickly() -> Iterator[None]:
    """Import without garbage collection and without loading certificates, which take a third of the start time.

    No garbage arises while modules are imported. aiohttp loads the system's certificates on import, but the mock
    serves plain HTTP. For a witness behind TLS the certificates are loaded before the first report to it.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    saved = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, os.devnull))
    gc.disable()
    try:
        yield
    finally:
        # Imported modules are never freed, and most records live as long as the server. Collecting every 700
        # allocations, as Python does by default, would therefore scan much and free little. The oldest generation is
        # scanned a hundred times less often than by default: at each quarter by which it grew, that took a sixth of the
        # time of a busy server. What is deleted breaks its reference cycles itself.
        gc.freeze()
        gc.set_threshold(50_000, 10, 1000)
        gc.enable()
        for name in names:
            del os.environ[name]
        os.environ.update(saved)


async def _serve(options: argparse.Namespace, name: str) -> int:
    with _importing_quickly():
        from mockserver.app import create_app, listening
        from mockserver.control.controller import clock_of
        from mockserver.control.errors import UsageError
        from mockserver.control.routes import CONTROLLER
        from mockserver.script.load import ScriptError
        from mockserver.script.sources import named_source
        from mockserver.web import exhaustion
        from mockserver.web.faults import BadFaultError

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    exhaustion.raise_limit()
    exhaustion.report_once(loop)
    for number in _ENDING:
        loop.add_signal_handler(number, _end, loop, stop)
    if options.stop_on_eof:
        try:
            loop.add_reader(sys.stdin.fileno(), _end_at_eof, loop, stop)
        except OSError as error:
            # A file is always readable, so the system cannot wait for its end.
            return _refused(name, "cannot wait for the end of the standard input", error, "; give it a pipe")
    try:
        sources = [named_source(one) for one in options.script]
        app = create_app(
            seed=options.seed,
            clock=clock_of(options.time, options.time_scale),
            script=sources or None,
            graph=options.graph,
            defects=_defects(options.defect),
            faults=options.fault,
            run_timeout=options.run_timeout,
            workers=options.workers,
            strict=options.strict,
            max_body=options.max_body,
            allow_callbacks=options.allow_callbacks,
            allow_hosts=options.allow_host,
            allow_origins=options.allow_origin,
        )
    except (ScriptError, BadDefectError, BadFaultError, UsageError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    loop.add_signal_handler(signal.SIGHUP, _reload, sources, app[CONTROLLER])
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(listening(app, options.host, options.port))
        except OSError as error:
            advice = "; choose another --host or --port"
            return _refused(name, f"cannot listen on {options.host}:{options.port}", error, advice)
        try:
            print(f"mockserver listening on {url}", flush=True)
        except OSError as error:
            # The interpreter flushes once more at its end, and must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _refused(name, "cannot write to the standard output", error)
        await stop.wait()
    return 0


def _end_at_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Shut down once the standard input is at its end. What is written to it before is dropped."""
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Start to shut down, and let the next signal kill the process."""
    for number in _ENDING:
        loop.remove_signal_handler(number)
        # asyncio puts back Python's handler of SIGINT, which would raise an exception in the middle of the shutdown.
        signal.signal(number, signal.SIG_DFL)
    logging.getLogger("mockserver").info("shutting down; a second signal ends the process at once")
    stop.set()


def _refused(name: str, text: str, error: OSError, advice: str = "") -> int:
    """Report an error of the operating system in one line, and return the exit code."""
    # asyncio's own text for a failed bind repeats the address. Resolver errors have negative numbers that os.strerror
    # does not know.
    named = error.errno is not None and error.errno > 0
    reason = os.strerror(error.errno or 0) if named else error.strerror
    print(f"{name}: {text}: {reason}{advice}", file=sys.stderr)
    return 2


def _reload(sources: list[Path | dict[str, Path]], controller: Controller) -> None:
    """Load the scripts again. If one is invalid, log the error and keep all of the current ones."""
    from mockserver.script.load import ScriptError
    from mockserver.script.sources import read_scripts

    log = logging.getLogger("mockserver")
    if not sources:
        log.warning("there is no script to load again: start with --script FILE")
        return
    paths = [path for source in sources for path in ([source] if isinstance(source, Path) else source.values())]
    for path in paths:
        if not path.is_file() and not path.is_dir():
            # A named pipe would block the event loop until something writes to it.
            log.error("the script %s is not a file, so it is not loaded again", path)
            return
    try:
        controller.load_scripts(read_scripts(sources))
    except ScriptError as error:
        log.error("script not reloaded, the previous one stays active: %s", error)
    else:
        log.info("script %s reloaded", ", ".join(map(str, paths)))


if __name__ == "__main__":
    sys.exit(main())
