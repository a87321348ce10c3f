"""Judges `langgraph dev` with the suite, once for each `--workers`; what follows `--` goes to pytest."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reference.langgraph_dev import ServerError, langgraph_dev

CHECKOUT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite against the server with each number of workers; 0 if every run was green."""
    options = _parser().parse_args(arguments)
    workers_of_runs: list[int] = options.workers or [1]
    red: list[str] = []
    for workers in workers_of_runs:
        name = f"workers-{workers}"
        print(f"\n===== langgraph dev, {workers} worker{'s' if workers > 1 else ''} =====\n", flush=True)
        report = options.report_dir.resolve() / name
        try:
            with langgraph_dev(workers=workers, log=report.with_suffix(".log")) as url:
                code = subprocess.call(suite_command(url, workers, report, options.pytest_arguments), cwd=CHECKOUT)
        except ServerError as error:
            print(error, file=sys.stderr, flush=True)
            code = 2
        if code != 0:
            red.append(f"{name} (exit code {code})")
    print(f"\n===== {'not green: ' + ', '.join(red) if red else 'all green'} =====", flush=True)
    return 1 if red else 0


def suite_command(url: str, workers: int, report: Path, extra: Sequence[str]) -> list[str]:
    """The command that judges the server at `url` and writes its report into the folder `report`.

    A server with one worker has other faults than one with several, and plays one scenario at a time: its queue is not
    fair between threads.
    """
    return [
        *(sys.executable, "-m", "pytest", "conformance"),
        f"--deployment-url={url}",
        f"--deployment-profile={'langgraph-api' if workers == 1 else 'langgraph-api-workers'}",
        f"--conformance-report={report}",
        f"--conformance-jobs={max(1, workers // 2)}",
        *extra,
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument(
        "--workers",
        type=_at_least_one,
        action="append",
        metavar="N",
        help="runs that the server plays at once; may be given several times; default 1",
    )
    parser.add_argument("--report-dir", type=Path, required=True, help="where reports and server logs go")
    parser.add_argument("pytest_arguments", nargs="*", help="more arguments for pytest, behind --")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
