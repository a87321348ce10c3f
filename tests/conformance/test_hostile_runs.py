"""Whole runs of the suite against servers that are not Agent Servers: they fail soon, with a short output."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from conformance.report.report import Report
from conformance.transcript.recorder import MAX_BODY
from mockserver import serving
from tests.conformance.hostile import Connection, listening
from tests.conformance.runs import Run, run_suite
from tests.conformance.test_hostile_deployments import ASK, HTML, answers, closes, never_answers

QUICKLY = ("--conformance-deadline-scale", "0.05", "-k", "RUN-01 or INT-01")


def expect_one_clear_problem(run: Run, url: str, problem: str, lines: int = 20) -> None:
    """Check that the run failed, with the problem in the summary alone, and in few lines."""
    assert run.code == 1, run.output
    assert "Traceback" not in run.output
    assert "INTERNALERROR" not in run.output
    # Every case has the same cause. Repeating it for each would bury it, and so would a table of what was not judged.
    assert run.output.count(problem) == 1, run.output
    assert f" verdicts): {problem}" in run.output
    assert "MUST " not in run.output
    assert f"doubletext: {url} (unnamed server)" in run.output
    assert "nothing was judged, so the run fails" in run.output
    assert "1 failed, " in run.last_line
    assert " not judged" in run.last_line
    assert len(run.output.splitlines()) < lines, run.output


@pytest.mark.parametrize(
    ("behave", "problem"),
    [
        (closes, f"connection broken: Server disconnected without sending a response. {ASK}"),
        (never_answers, f"no answer within 0.5 s {ASK}"),
        (answers("404 Not Found", "text/html", HTML), "HTTP 404: <!doctype html> <title>Sign in</title>"),
        (
            answers("302 Found", "text/html", b"", "location: https://elsewhere.example/"),
            "HTTP 302, a redirect to https://elsewhere.example/; give the URL to which it redirects",
        ),
    ],
    ids=["closes", "hangs", "html", "redirects"],
)
async def test_a_run_against_what_is_no_deployment(behave: object, problem: str, tmp_path: Path) -> None:
    async with listening(behave) as url:  # type: ignore[arg-type]  # a Behaviour, through parametrize
        run = await run_suite("--deployment-url", url, "--conformance-report", str(tmp_path / "report"), *QUICKLY)
    expect_one_clear_problem(run, url, f"POST /threads at {url}: {problem}")
    report = msgspec.json.decode((tmp_path / "report" / "report.json").read_bytes(), type=Report)
    assert report.summary["INCONCLUSIVE"] == len(report.results) > 10
    assert all(problem in result.reason and result.transcript is None for result in report.results)


async def test_a_run_against_a_closed_port(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    run = await run_suite("--deployment-url", url, *QUICKLY)
    expect_one_clear_problem(run, url, f"POST /threads at {url}: no connection: Connection refused {ASK}")


async def test_a_run_against_gigabytes() -> None:
    sent = 0

    async def gushes(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.begin("application/json")
        while True:
            await connection.send(b" " * 65536)
            sent += 65536

    async with listening(gushes) as url:
        run = await run_suite("--deployment-url", url, "--conformance-deadline-scale", "6", *QUICKLY[2:])
    expect_one_clear_problem(run, url, f"POST /threads at {url}: answer larger than 8 MiB {ASK}")
    # Two requests, /info and the thread, of 8 MiB each. The rest is what the buffers of the sockets hold.
    assert sent < 5 * MAX_BODY


@contextlib.asynccontextmanager
async def dying(upstream: str) -> AsyncIterator[str]:
    """Yield the URL of a deployment that dies when the first run with the strategy `interrupt` arrives."""
    host, port = upstream.removeprefix("http://").split(":")
    writers: set[asyncio.StreamWriter] = set()
    dead = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond_reader, beyond_writer = await asyncio.open_connection(host, int(port))
        writers.update((writer, beyond_writer))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while chunk := await source.read(65536):
                    if b'"multitask_strategy":"interrupt"' in chunk:
                        dead.set()
                    if dead.is_set():
                        break
                    sink.write(chunk)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, beyond_writer), pump(beyond_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)

    async def die() -> None:
        await dead.wait()
        server.close()
        for writer in writers:
            writer.close()

    dies = asyncio.create_task(die())
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        dies.cancel()
        server.close()
        for writer in writers:
            writer.close()


async def test_a_run_against_a_deployment_that_dies_in_the_middle(tmp_path: Path) -> None:
    async with serving() as upstream, dying(upstream) as url:
        # The default deadlines: the run would take long if it waited for them after the deployment died.
        run = await run_suite(
            "--deployment-url",
            url,
            "--conformance-report",
            str(tmp_path),
            # Played one after the other, so that it is certain which one is lost.
            "--conformance-jobs=1",
            "-k",
            # Without those that begin first.
            "test_interrupt and (RUN-01 or INT-01 or INT-02) and not (at-once or finishing or delayed)",
        )
    assert run.code == 1, run.output
    assert "Traceback" not in run.output
    assert "it stopped answering during interrupt/during-agent/create/unwatched: " in run.output
    assert len(run.output.splitlines()) < 80, run.output
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    words = {result.id: result.verdict for result in report.results}
    first = "interrupt/during-agent/create/unwatched::"
    assert words[f"{first}RUN-01"] == "PASS"
    assert words[f"{first}INT-01"] == words[f"{first}INT-02"] == "INCONCLUSIVE"
    assert {word for name, word in words.items() if not name.startswith(first)} == {"INCONCLUSIVE"}
