"""The servers that the suite is held against, and how one of them is judged."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from conformance.judge.profiles import proposals
from conformance.report.html import write_page
from conformance.report.load import read_report
from conformance.report.report import summarise, write_report
from conformance.session.target import server_of
from conformance.transcript.transcript import TargetInfo
from tests.reference.langgraph_dev import langgraph_dev
from tests.reference.langgraphjs_dev import langgraphjs_dev
from tests.reference.process import ServerError
from tests.reference.vendors import JOBS, VENDORS, vendor_server

CHECKOUT = Path(__file__).parents[2]

SHARING_ALONE = 8
"""Servers that share the scenarios where one server must play one scenario at a time."""

SHARING = 2
"""Servers that share the scenarios where one server plays several at a time."""

JAVASCRIPT_WORKERS = 10
"""Runs that the JavaScript server plays at once. This is also its default."""


@dataclass(frozen=True)
class Reference:
    """A server to judge: `serve` starts one, whose log goes to the given file, and yields its URL.

    `profile` is the shipped profile, unless what the server reports in `/info` decides.
    """

    name: str
    title: str
    workers: int
    serve: Callable[[Path], AbstractContextManager[str]]
    jobs: int
    servers: int = 1
    profile: str | None = None


def python(workers: int) -> Reference:
    """Return `langgraph dev` with a number of workers.

    With one worker it has other faults than with several, and plays one scenario at a time, because its queue is not
    fair between threads. Several servers share the scenarios, to save time.
    """
    return Reference(
        name=f"workers-{workers}",
        title=f"langgraph dev, {workers} worker{'s' if workers > 1 else ''}",
        workers=workers,
        serve=lambda log: langgraph_dev(workers=workers, log=log),
        jobs=max(1, workers // 2),
        servers=SHARING_ALONE if workers == 1 else SHARING,
    )


def javascript(line: str) -> Reference:
    """`langgraphjs dev` of one release line."""
    return Reference(
        name=f"js-{line}",
        title=f"langgraphjs dev, {line}",
        workers=JAVASCRIPT_WORKERS,
        serve=lambda log: langgraphjs_dev(line=line, workers=JAVASCRIPT_WORKERS, log=log),
        jobs=JAVASCRIPT_WORKERS // 2,
        servers=SHARING,
    )


def vendor(name: str) -> Reference:
    """Return a server of `VENDORS`, with a profile that is its own.

    langhost reports the name and version of the official server that it is built on, so `/info` cannot decide.
    """
    return Reference(
        name=name,
        title=VENDORS[name].title,
        workers=JOBS,
        serve=lambda log: vendor_server(name=name, log=log),
        jobs=JOBS // 2,
        servers=SHARING,
        profile=VENDORS[name].profile,
    )


def judge(reference: Reference, report_dir: Path, extra: Sequence[str]) -> int:
    """Return the exit code of the suite on a reference server. `extra` are more arguments for pytest.

    The report goes to the folder NAME, beside the server's log. Where several servers share the scenarios, their
    results are merged there, and their logs and pytest's output stay as NAME/part-1.log and so on. Raise `ServerError`
    if a server does not start.
    """
    whole = report_dir / reference.name
    shutil.rmtree(whole, ignore_errors=True)
    if reference.servers == 1:
        with reference.serve(_beside(whole, "log")) as url:
            return subprocess.call(suite_command(reference, url, whole, extra), cwd=CHECKOUT)
    parts = [whole / f"part-{number}" for number in range(1, reference.servers + 1)]
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(reference.serve(_beside(part, "log"))) for part in parts]
        playing = []
        for number, (url, part) in enumerate(zip(urls, parts, strict=True), 1):
            mine = ["-p", "tests.reference.parts", f"--part={number}/{len(parts)}"]
            command = suite_command(reference, url, part, [*mine, *extra])
            playing.append(stack.enter_context(_playing(command, _beside(part, "txt"))))
        codes = []
        for process, part in zip(playing, parts, strict=True):
            codes.append(process.wait())
            sys.stdout.write(f"----- {part.name} of {len(parts)} -----\n{_beside(part, 'txt').read_text('utf-8')}\n")
            sys.stdout.flush()
    put_together(parts, whole)
    return merged(codes)


def fitting_profile(url: str, workers: int) -> str:
    """Return the name of the shipped profile for the version that the server at `url` reports in `/info`.

    The installed version decides, and not the requested one: npm and pip may differ. Raise `ServerError` unless exactly
    one profile fits.
    """
    info = httpx.get(f"{url}/info", trust_env=False).json()
    server, version = server_of(info)
    fitting = [
        profile.name
        for profile in proposals(TargetInfo(url=url, server=server, version=version))
        if profile.workers in (None, "one" if workers == 1 else "several")
    ]
    if len(fitting) != 1:
        found = ", ".join(fitting) or "none"
        raise ServerError(f"one shipped profile must fit {server} {version} with {workers} workers; found: {found}")
    return fitting[0]


def suite_command(reference: Reference, url: str, report: Path, extra: Sequence[str]) -> list[str]:
    """Return the command that judges the server at `url` and writes its report into the folder `report`."""
    return [
        *(sys.executable, "-m", "pytest", "conformance"),
        f"--deployment-url={url}",
        f"--deployment-profile={reference.profile or fitting_profile(url, reference.workers)}",
        f"--conformance-report={report}",
        f"--conformance-jobs={reference.jobs}",
        *extra,
    ]


def merged(codes: Sequence[int]) -> int:
    """One exit code for all parts: a part for which `-k` leaves nothing says nothing, unless that is so for all."""
    said = [code for code in codes if code != pytest.ExitCode.NO_TESTS_COLLECTED]
    return max(said, key=abs) if said else int(pytest.ExitCode.NO_TESTS_COLLECTED)


def put_together(parts: Sequence[Path], whole: Path) -> None:
    """One report, with its transcripts, in place of those of the parts, which judged scenarios of their own each.

    A part without a report, because nothing of it was selected or its run broke off, has nothing to add.
    """
    found = [part for part in parts if (part / "report.json").exists()]
    if not found:
        return
    reports = [read_report(part) for part in found]
    results = sorted((result for report in reports for result in report.results), key=lambda result: result.id)
    for part in found:
        shutil.copytree(part / "transcripts", whole / "transcripts", dirs_exist_ok=True)
        shutil.rmtree(part)
    report = replace(
        reports[0],
        results=results,
        summary=summarise(results),
        stale=[entry for report in reports for entry in report.stale],
        notes=list(dict.fromkeys(note for report in reports for note in report.notes)),
        problem=next((report.problem for report in reports if report.problem), None),
        finished_at=max(report.finished_at or "" for report in reports) or None,
    )
    write_report(whole, report)
    write_page(whole, report)


@contextlib.contextmanager
def _playing(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the suite in the background. It prints into a file and ends with the block."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as out:
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _beside(folder: Path, kind: str) -> Path:
    return folder.with_name(f"{folder.name}.{kind}")
