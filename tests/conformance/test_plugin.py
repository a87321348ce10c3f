"""The pytest plugin as a user runs it: one test for each option and each promise of the README."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from conformance.report.load import read_transcript
from conformance.report.report import Report, slug
from conformance.session.target import CAPACITY
from tests.conformance.deployments import (
    EXAMINATION,
    ONE,
    PLAINEST,
    Wrong,
    creates_with_201,
    deployment,
    lists_runs_backwards,
    says_it_is_langgraph_api,
)
from tests.conformance.runs import DEADLINE, EVERYTHING, run_suite, start_suite


def read_report(folder: Path) -> Report:
    return msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)


# -- which scenarios, and where ---------------------------------------------------------------------------------


async def test_one_test_is_selected_by_its_id() -> None:
    node = f"conformance/suites/test_interrupt.py::test_interrupt[{PLAINEST}::INT-02]"
    async with deployment() as there:
        run = await run_suite("--deployment-url", there.url, "-v", suite=(node,))
    assert run.code == 0, run.output
    assert f"test_interrupt[{PLAINEST}::INT-02] PASSED" in run.output
    assert "1 passed" in run.last_line
    assert there.scenarios == {PLAINEST: 1}


async def test_the_assistant_and_the_headers_are_sent() -> None:
    async with deployment() as there:
        run = await run_suite(
            *("--deployment-url", there.url, "--deployment-assistant", "agent"),
            *("--deployment-header", "X-One: first", "--deployment-header", "X-Two: second"),
            *ONE,
            # X-Two is in both: the option counts.
            env={"DOUBLETEXT_DEPLOYMENT_HEADERS": "X-Three: third\nX-Two: overridden"},
        )
    assert run.code == 0, run.output
    for request in there.sent:
        assert [request.headers.get(f"X-{name}") for name in ("One", "Two", "Three")] == ["first", "second", "third"]


async def test_an_unknown_assistant_is_reported_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    async with deployment() as there:
        run = await run_suite(
            *("--deployment-url", there.url, "--deployment-assistant", "nobody", f"--conformance-report={tmp_path}"),
            *ONE,
        )
    kept = tmp_path / "calibration.json"
    assert f"report.html, and what was answered: {kept}" in run.output
    assert read_transcript(kept).scenario.id == "calibration"
    assert run.code == 1
    assert "a run of the agent `nobody` could not be created: HTTP 4" in run.output
    assert "is the probe agent deployed under this name (--deployment-assistant)?" in run.output


async def test_several_deployments_are_judged_in_one_run(tmp_path: Path) -> None:
    async with deployment() as right, deployment(creates_with_201) as wrong:
        run = await run_suite(
            *("--deployment-url", right.url, "--deployment-url", wrong.url, f"--conformance-report={tmp_path}"),
            *("-k", f"{PLAINEST}::RUN"),
        )
    assert run.code == 1, run.output
    assert (
        f"FAILED conformance/suites/test_interrupt.py::test_interrupt[{slug(wrong.url)}::{PLAINEST}::RUN-02]"
        in run.output
    )
    assert "1 failed" in run.last_line
    first = read_report(tmp_path / f"1-{slug(right.url)}")
    second = read_report(tmp_path / f"2-{slug(wrong.url)}")
    assert (first.target.url, second.target.url) == (right.url, wrong.url)
    assert (first.summary["FAIL"], second.summary["FAIL"]) == (0, 1)
    assert [result.id for result in first.results] == [result.id for result in second.results]
    assert right.scenarios == wrong.scenarios == {PLAINEST: 1}


async def test_a_deployment_can_be_given_a_name(tmp_path: Path) -> None:
    async with deployment() as there:
        run = await run_suite(
            *(f"--deployment-url=ours={there.url}", f"--deployment-url=theirs={there.url}", "-v"),
            *("-k", f"{PLAINEST}::RUN-01", f"--conformance-report={tmp_path}"),
        )
    assert run.code == 0, run.output
    for number, name in enumerate(("ours", "theirs"), start=1):
        assert f"test_interrupt[{name}::{PLAINEST}::RUN-01] PASSED" in run.output
        assert read_report(tmp_path / f"{number}-{name}").target.url == there.url


async def test_the_same_deployment_twice_is_two_deployments() -> None:
    async with deployment() as there:
        run = await run_suite(
            *("--deployment-url", there.url, "--deployment-url", there.url, "-v", "-k", f"{PLAINEST}::RUN-01")
        )
    assert run.code == 0, run.output
    for number in (1, 2):
        assert f"test_interrupt[{slug(there.url)}-{number}::{PLAINEST}::RUN-01] PASSED" in run.output
    assert there.scenarios == {PLAINEST: 2}


async def test_collecting_plays_nothing() -> None:
    async with deployment() as there:
        run = await run_suite("--deployment-url", there.url, "--collect-only", "-q", *ONE)
    assert run.code == 0, run.output
    assert f"test_interrupt[{PLAINEST}::INT-02]" in run.output
    assert there.sent == []


async def test_the_first_failure_ends_the_playing_with_x() -> None:
    jobs = 8
    async with deployment(creates_with_201) as there:
        # However long the first verdict takes, no more are played meanwhile than those with which the run begins.
        there.most = jobs
        # Forty seconds for an answer: the run ends long before those that wait for one.
        options = (f"--deployment-url={there.url}", f"--conformance-jobs={jobs}", "--conformance-deadline-scale=4")
        run = await run_suite(*options, "-x", "-k", "interrupt/ and RUN-02")
        there.rest.set()
    assert run.code == 1, run.output
    assert "1 failed" in run.last_line
    # Those that were played, and those that waited.
    assert len(there.scenarios) <= 2 * jobs


async def test_the_suite_runs_from_anywhere(tmp_path: Path) -> None:
    run = await run_suite(*ONE, cwd=tmp_path, suite=("--pyargs", "conformance"))
    assert run.code == 0, run.output
    assert "doubletext-mockserver" in run.output


async def test_pytest_alone_in_the_checkout_is_the_suite() -> None:
    async with deployment() as there:
        run = await run_suite(f"--deployment-url={there.url}", *ONE, suite=())
    assert run.code == 0, run.output
    assert there.scenarios == {PLAINEST: 1}


@pytest.mark.slow
async def test_distributed_runs_judge_the_same_and_play_nothing_twice(tmp_path: Path) -> None:
    some = ("-k", "interrupt/during-tools/create and (INT or RUN)", "--conformance-jobs=4")
    async with deployment() as there:
        alone = await run_suite("--deployment-url", there.url, f"--conformance-report={tmp_path / 'alone'}", *some)
        played_alone = there.scenarios
    async with deployment() as there:
        run = await run_suite(
            "--deployment-url", there.url, f"--conformance-report={tmp_path / 'many'}", *some, "-p", "xdist", "-n", "4"
        )
    assert alone.code == run.code == 0, alone.output + run.output
    assert there.scenarios == played_alone
    assert set(there.scenarios.values()) == {1}
    verdicts = [[(r.id, r.verdict) for r in read_report(tmp_path / name).results] for name in ("alone", "many")]
    assert verdicts[0] == verdicts[1]
    for result in read_report(tmp_path / "many").results:
        assert result.transcript is not None
        assert (tmp_path / "many" / result.transcript).is_file()


async def test_the_suite_does_without_xdist() -> None:
    async with deployment() as there:
        run = await run_suite("--deployment-url", there.url, "-p", "no:xdist", *ONE)
    assert run.code == 0, run.output


async def test_ctrl_c_ends_a_run_that_waits_for_a_deployment() -> None:
    asked = asyncio.Event()

    async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()  # until the client disconnects
        writer.close()

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    # An hour for an answer, so that only the signal can end the run.
    process = await start_suite("--deployment-url", url, "--conformance-deadline-scale", "360", *ONE)
    try:
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
            # The plays start before the first test. The signal has to arrive while the test waits.
            assert process.stdout is not None
            output = await process.stdout.readuntil(b"[1/1] ")
            process.send_signal(signal.SIGINT)
            output += await process.stdout.read()
            assert await process.wait() == pytest.ExitCode.INTERRUPTED
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        server.close()
    assert b"KeyboardInterrupt" in output
    assert b"INTERNALERROR" not in output


# -- output ------------------------------------------------------------------------------------------------------


async def test_the_report_holds_every_verdict(tmp_path: Path) -> None:
    async with deployment(creates_with_201) as there:
        run = await run_suite("--deployment-url", there.url, f"--conformance-report={tmp_path / 'a' / 'b'}", *ONE)
    assert run.code == 1, run.output
    raw = msgspec.json.decode((tmp_path / "a" / "b" / "report.json").read_bytes())
    kept = read_transcript(tmp_path / "a" / "b" / "calibration.json")
    # The number of workers is counted, so the play that searches only for a second one is not made.
    assert {play.scenario.id for play in (*kept.earlier, kept)} == EXAMINATION - {CAPACITY.id}
    fields = [
        "format",
        "version",
        "suite",
        "target",
        "summary",
        "results",
        "causes",
        "stale",
        "notes",
        "problem",
        "workers",
        "incomplete",
        "rules",
    ]
    assert list(raw) == [*fields, "finished_at", "exploration"]
    assert (raw["format"], raw["version"]) == ("doubletext-report", 1)
    assert raw["target"]["url"] == there.url
    assert raw["target"]["server"] == "doubletext-mockserver"
    assert raw["target"]["profile"] is None
    assert list(raw["summary"]) == ["PASS", "FAIL", "WARN", "INCONCLUSIVE", "NOT-APPLICABLE", "ERROR"]
    assert sum(raw["summary"].values()) == len(raw["results"])
    assert raw["summary"]["FAIL"] == 1
    [failure] = [result for result in raw["results"] if result["verdict"] == "FAIL"]
    expected = "(1) HTTP 200 for the create of run A, (2) HTTP 200 for the create of run B"
    observed = "(1) HTTP 201, (2) HTTP 201"
    assert failure == {
        "requirement": "RUN-02",
        "level": "MUST",
        "scenario": PLAINEST,
        "verdict": "FAIL",
        "reason": f"expected {expected}; observed {observed}",
        "transcript": f"transcripts/{PLAINEST}.json",
        "expected": expected,
        "observed": observed,
        "see": failure["see"][:2],
    }
    assert {rule["id"] for rule in raw["rules"]} >= {result["requirement"] for result in raw["results"]}
    assert (tmp_path / "a" / "b" / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert f"report: {tmp_path / 'a' / 'b' / 'report.html'}" in run.output


async def test_a_failure_has_everything_that_is_needed() -> None:
    async with deployment(creates_with_201) as there:
        run = await run_suite("--deployment-url", there.url, "-k", f"{PLAINEST}::RUN-02")
    assert run.code == 1
    _, _, failure = run.output.partition("= FAILURES =")
    for line in (
        "RUN-02 (MUST): Creating a background run returns 200 with the complete run object",
        "source: published API description",
        "because: For this request the API description specifies 200",
        f"scenario  {PLAINEST}: B double-texts A",
        f"deployment  {there.url}",
        "expected  (1) HTTP 200 for the create of run A, (2) HTTP 200 for the create of run B",
        "observed  (1) HTTP 201, (2) HTTP 201",
        "POST /threads/",
        "→ HTTP 201 after",
        f"curl -sS -X POST {there.url}/threads/",
        "transcript  ",
    ):
        assert line in failure, failure
    [where] = [line.split(maxsplit=1)[1] for line in failure.splitlines() if line.startswith("transcript  ")]
    assert where.endswith(f"transcripts/{PLAINEST}.json")
    assert os.path.isabs(where)  # noqa: PTH117 -- a string of the output
    assert "Traceback" not in run.output


# -- what makes a run red -------------------------------------------------------------------------------------------


KNOWN = """
name = "a server of ours"
[[known]]
requirements = ["RUN-02"]
scenario = "interrupt/*"
reason = "creates with 201"
evidence = "https://example.org/issues/1"
"""


async def test_a_known_failure_is_expected(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text(KNOWN)
    async with deployment(creates_with_201) as there:
        run = await run_suite(
            *("--deployment-url", there.url, f"--deployment-profile={profile}", "-rx", *ONE),
            f"--conformance-report={tmp_path / 'report'}",
        )
    assert run.code == 0, run.output
    assert "1 xfailed" in run.last_line
    assert "known: creates with 201" in run.output
    assert "1 of these verdicts are known failures, declared by profile a server of ours" in run.output
    report = read_report(tmp_path / "report")
    assert report.target.profile == "a server of ours"
    assert [(r.requirement, r.verdict, r.known) for r in report.results if r.known] == [
        ("RUN-02", "FAIL", "creates with 201")
    ]


async def test_a_known_failure_that_passes_again_fails_the_run(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text(KNOWN)
    # The plugin of hypothesis reads attributes of everything that pytest counts.
    others = ("-p", "_hypothesis_pytestplugin")
    run = await run_suite(
        f"--deployment-profile={profile}", f"--conformance-report={tmp_path / 'report'}", *others, *ONE
    )
    assert run.code == 1, run.output
    assert "Traceback" not in run.output
    advice = "delete its entry, or add `flaky = true` to it"
    stale = f"{PLAINEST}::RUN-02 is a known failure of the profile, but passes; {advice}"
    assert f"stale: {stale}" in run.output
    assert "1 stale in the profile" in run.last_line
    assert read_report(tmp_path / "report").stale == [stale]


BREAKS_A_CHECK = """
from conformance.judge import check

def pytest_configure(config):
    check.all_checks()
    check._registered['RUN-01'] = lambda play: {}['a key']
"""


@pytest.mark.parametrize(("wrong", "code"), [(None, 10), (creates_with_201, 1)], ids=["right", "wrong"])
async def test_an_error_of_the_suite_is_no_verdict_on_the_deployment(
    tmp_path: Path, wrong: Wrong | None, code: int
) -> None:
    (tmp_path / "breaks_a_check.py").write_text(BREAKS_A_CHECK)
    file = tmp_path / "junit.xml"
    async with deployment(*[wrong] if wrong else []) as there:
        run = await run_suite(
            *(f"--deployment-url={there.url}", "-p", "breaks_a_check", f"--junitxml={file}"),
            *("-k", f"{PLAINEST}::RUN"),
            env={"PYTHONPATH": str(tmp_path)},
        )
    assert run.code == code, run.output
    assert ("1 failed" in run.last_line) == bool(wrong)
    assert "1 error" in run.last_line
    assert f"ERROR  {PLAINEST}::RUN-01: the check itself failed: KeyError: 'a key'" in run.output
    assert "1 ERROR is a fault of doubletext and not of the deployment. Please report it" in run.output
    suite = ET.fromstring(file.read_text("utf-8")).find("testsuite")
    assert suite is not None
    assert (suite.attrib["errors"], suite.attrib["failures"]) == ("1", "1" if wrong else "0")
    assert [case.attrib["name"] for case in suite if case.find("error") is not None] == [f"RUN-01[{PLAINEST}]"]


async def test_the_profile_that_fits_is_proposed(tmp_path: Path) -> None:
    async with deployment(says_it_is_langgraph_api) as there:
        run = await run_suite(f"--deployment-url={there.url}", f"--conformance-report={tmp_path}", *ONE)
    note = (
        "no profile was given, and profile langgraph-api-workers is for such a server; judge by it with "
        "--deployment-profile=langgraph-api-workers"
    )
    assert run.code == 0, run.output
    assert run.output.count("note: ") == 1
    assert f"note: {note}" in run.output
    assert read_report(tmp_path).notes == [note]


async def test_a_profile_for_another_server_is_noted(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text('name = "ours"\nserver = "langgraph-api"\nversions = ">=0.17"\n')
    async with deployment(says_it_is_langgraph_api) as there:
        run = await run_suite(f"--deployment-url={there.url}", f"--deployment-profile={profile}", *ONE)
    assert run.code == 0, run.output
    assert "note: profile ours is for versions >=0.17, and this is langgraph-api 0.16.7" in run.output


async def test_an_undeclared_freedom_fails_the_run(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text('name = "a server of ours"\nfreedoms = { RUN-07 = "reject" }\n')
    run = await run_suite(f"--deployment-profile={profile}", "-k", "RUN-07", suite=EVERYTHING)
    assert run.code == 1, run.output
    assert "took the undeclared freedom `enqueue`: the profile (or the documentation) declares `reject`" in run.output
    assert "declare it in the profile under [freedoms]: " in run.output


async def test_a_broken_should_is_a_warning_unless_strict() -> None:
    async with deployment(lists_runs_backwards) as there:
        lenient = await run_suite("--deployment-url", there.url, "-k", "interrupt/ and RUN-10")
        strict = await run_suite("--deployment-url", there.url, "-k", "interrupt/ and RUN-10", "--conformance-strict")
    assert lenient.code == 0, lenient.output
    assert "WARN  RUN-10 (SHOULD): " in lenient.output
    assert "  scenario  interrupt/during-tools/create/unwatched/second-turn" in lenient.output
    assert strict.code == 1, strict.output
    assert "WARN  RUN-10 (SHOULD): " in strict.output


async def test_a_run_that_judged_nothing_fails(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text('name = "a server of ours"\n[[absent]]\nrequirement = "INT-02"\nreason = "no interrupt here"\n')
    run = await run_suite(f"--deployment-profile={profile}", "-rs", "-k", f"{PLAINEST}::INT-02")
    assert run.code == 1, run.output
    assert "declared absent: no interrupt here" in run.output
    assert "nothing was judged, so the run fails" in run.output
    assert "judged 0 of the " in run.output
    assert "not applicable: INT-02: declared absent: no interrupt here" in run.output


async def test_deadlines_are_scaled() -> None:
    held = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        held.set()
        writer.close()

    # It accepts and never answers, so only the deadline ends the request.
    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        run = await run_suite("--deployment-url", url, "--conformance-deadline-scale", "0.02", *ONE)
        # The end of the run and that of its connection are two events.
        async with asyncio.timeout(DEADLINE):
            await held.wait()
    assert "no answer within 0.2 s" in run.output


async def test_without_its_plugin_the_suite_says_what_is_missing() -> None:
    for suite in ("conformance", "conformance/suites"):
        run = await run_suite("-p", "no:doubletext", suite=(suite,))
        assert run.code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED), run.output
        assert "the conformance suite needs the pytest plugin of doubletext; omit -p no:doubletext" in run.output


def test_collecting_the_suite_imports_no_server_and_no_client() -> None:
    # The client imports LangChain, which takes longer than collecting the whole suite.
    heavy = "{'aiohttp', 'langchain_core', 'langgraph_sdk'}"
    code = f"import conformance.session.session, sys; print(*{heavy} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


# -- what it costs other projects -------------------------------------------------------------------------------


async def test_other_peoples_tests_load_nothing_of_the_suite(tmp_path: Path) -> None:
    (tmp_path / "test_unrelated.py").write_text(
        "import sys\n"
        "HEAVY = {'httpx', 'langgraph_sdk', 'aiohttp', 'msgspec', 'conformance', 'mockserver', 'asyncio'}\n"
        "def test_unrelated():\n"
        "    assert not HEAVY & sys.modules.keys()\n"
        "    ours = {name for name in sys.modules if name.startswith('doubletext')}\n"
        "    plugins = {'doubletext.pytest_conformance', 'doubletext.pytest_mock'}\n"
        "    light = {f'doubletext.{name}' for name in ('deployment_options', 'environment', 'packages')}\n"
        "    assert ours == {'doubletext', *light, *plugins}\n"
    )
    run = await run_suite(
        *("-p", "doubletext.pytest_conformance", "-p", "doubletext.pytest_mock"),
        cwd=tmp_path,
        suite=("test_unrelated.py",),
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        fresh=True,
    )
    assert run.code == 0, run.output
    # The plugins are installed with the package, so they print nothing in other projects.
    assert "doubletext" not in run.output
