"""The command that judges every requested server and reports which runs were not green."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from conformance.report.load import read_report
from conformance.report.report import Report, Result, summarise, write_report
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import SuiteInfo, TargetInfo
from tests.conformance.runs import EVERYTHING, run_suite
from tests.reference import __main__ as command_line
from tests.reference import references
from tests.reference.langgraphjs_dev import LINES
from tests.reference.parts import read_part
from tests.reference.process import ServerError


class Judged:
    """A stand-in for the servers and the suite, which records what is started and decides how the suite ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, codes: Iterable[int] = repeat(0)) -> None:
        self.started: list[tuple[str | int, Path]] = []
        self.commands: list[list[str]] = []
        self._codes = iter(codes)
        monkeypatch.setattr(references, "langgraph_dev", self._python)
        monkeypatch.setattr(references, "langgraphjs_dev", self._javascript)
        monkeypatch.setattr(references, "suite_command", self._command)
        monkeypatch.setattr(references, "fitting_profile", lambda _url, workers: f"profile-for-{workers}")

    @contextmanager
    def _python(self, *, workers: int, log: Path) -> Iterator[str]:
        self.started.append((workers, log))
        yield f"http://127.0.0.1:{len(self.started)}"

    @contextmanager
    def _javascript(self, *, line: str, workers: int, log: Path) -> Iterator[str]:
        self.started.append((line, log))
        yield f"http://127.0.0.1:{len(self.started)}"

    def _command(self, *given: object) -> list[str]:
        command = _suite_command(*given)  # type: ignore[arg-type]  # handed on as it came
        self.commands.append(command)
        return [sys.executable, "-c", f"print('played {len(self.commands)}'); raise SystemExit({next(self._codes)})"]


_suite_command = references.suite_command


def logs(folder: Path, servers: int) -> list[Path]:
    """Return the logs of servers that share the scenarios."""
    return [folder / f"part-{number}.log" for number in range(1, servers + 1)]


def test_the_suite_is_run_once_for_each_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    judged = Judged(monkeypatch)
    report_dir = ["--report-dir", str(tmp_path)]
    assert command_line.main(["--workers", "4", "--workers", "10", *report_dir, "--", "-k", "x"]) == 0
    judging = [(n, log) for n in (4, 10) for log in logs(tmp_path / f"workers-{n}", references.SHARING)]
    assert judged.started == judging
    command = judged.commands[references.SHARING]
    assert command[:4] == [sys.executable, "-m", "pytest", "conformance"]
    assert command[-2:] == ["-k", "x"]
    assert {
        f"--deployment-url=http://127.0.0.1:{references.SHARING + 1}",
        "--deployment-profile=profile-for-10",
        f"--conformance-report={tmp_path / 'workers-10' / 'part-1'}",
        "--conformance-jobs=5",
    } <= set(command)
    printed = capfd.readouterr().out
    assert "===== langgraph dev, 4 workers =====" in printed
    assert "===== langgraph dev, 10 workers =====" in printed
    assert "all green" in printed


def test_servers_with_one_worker_share_the_scenarios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    judged = Judged(monkeypatch)
    assert command_line.main(["--report-dir", str(tmp_path), "--", "-x"]) == 0
    parts = [log.with_suffix("") for log in logs(tmp_path / "workers-1", references.SHARING_ALONE)]
    assert judged.started == [(1, part.with_suffix(".log")) for part in parts]
    for number, (command, part) in enumerate(zip(judged.commands, parts, strict=True), 1):
        assert {
            f"--deployment-url=http://127.0.0.1:{number}",
            "--deployment-profile=profile-for-1",
            f"--conformance-report={part}",
            "--conformance-jobs=1",
            f"--part={number}/{references.SHARING_ALONE}",
            "-x",
        } <= set(command)
    printed = capfd.readouterr().out
    assert (
        printed.index("played 1") < printed.index(f"part-2 of {references.SHARING_ALONE}") < printed.index("played 2")
    )


def part_of_a_report(folder: Path, scenario: str, **told: list[str] | str | None) -> None:
    """Write the suite's files about one scenario. Its transcript is not read."""
    result = Result(requirement="INT-02", level="MUST", scenario=scenario, verdict="PASS", reason="")
    report = Report(
        suite=SuiteInfo.here("2026-01-01"),
        target=TargetInfo("http://there", "ours", "1.2.3"),
        summary=summarise([result]),
        results=[result],
        **told,  # type: ignore[arg-type]  # what each test tells
    )
    write_report(folder, report)
    (folder / "transcripts").mkdir()
    (folder / "transcripts" / f"{scenario}.json").write_text(scenario)


def test_the_parts_become_one_report_with_all_transcripts(tmp_path: Path) -> None:
    parts = [tmp_path / name for name in ("one", "two", "without-a-report")]
    part_of_a_report(parts[0], "b", stale=["b is stale"], notes=["slow"], finished_at="2026-01-02")
    part_of_a_report(parts[1], "a", notes=["slow"], problem="it went down", finished_at="2026-01-03")
    parts[2].mkdir()
    references.put_together(parts, tmp_path / "whole")
    whole = read_report(tmp_path / "whole")
    assert [result.scenario for result in whole.results] == ["a", "b"]
    assert whole.summary["PASS"] == 2
    assert (whole.stale, whole.notes, whole.problem) == (["b is stale"], ["slow"], "it went down")
    assert whole.finished_at == "2026-01-03"
    transcripts = tmp_path / "whole" / "transcripts"
    assert {path.name: path.read_text() for path in transcripts.iterdir()} == {"a.json": "a", "b.json": "b"}
    assert (tmp_path / "whole" / "report.html").is_file()
    assert [part.exists() for part in parts] == [False, False, True]


def test_where_no_part_has_a_report_there_is_none(tmp_path: Path) -> None:
    references.put_together([tmp_path / "one"], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_a_report_of_an_earlier_run_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Judged(monkeypatch)
    earlier = tmp_path / "workers-2"
    part_of_a_report(earlier, "a")
    assert references.judge(references.python(2), tmp_path, []) == 0
    assert not (earlier / "report.json").exists()


def test_every_line_of_the_javascript_server_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Judged(monkeypatch)
    assert command_line.main(["--server", "js", "--report-dir", str(tmp_path)]) == 0
    assert [line for line, _ in judged.started] == [line for line in LINES for _ in range(references.SHARING)]


def test_one_line_of_the_javascript_server_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Judged(monkeypatch)
    assert command_line.main(["--server", "js", "--line", "1.5", "--report-dir", str(tmp_path)]) == 0
    assert judged.started == [("1.5", log) for log in logs(tmp_path / "js-1.5", references.SHARING)]


@pytest.mark.parametrize(
    ("info", "workers", "profile"),
    [
        ({"version": "0.16.7", "langgraph_py_version": "1.0"}, 1, "langgraph-api"),
        ({"version": "0.16.7", "langgraph_py_version": "1.0"}, 10, "langgraph-api-workers"),
        ({"version": "1.5.1", "langgraph_js_version": "1.0"}, 10, "langgraph-js-1.5"),
        ({"version": "2.0.0", "langgraph_js_version": "1.0"}, 10, "langgraph-js-2.0"),
    ],
)
def test_the_profile_is_the_one_for_what_the_server_reports(
    monkeypatch: pytest.MonkeyPatch, info: dict[str, str], workers: int, profile: str
) -> None:
    monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, json=info))
    assert references.fitting_profile("http://there", workers) == profile


def test_a_server_without_a_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"version": "9.0.0", "langgraph_js_version": "1.0"}
    monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, json=told))
    with pytest.raises(ServerError, match=r"langgraph-js 9\.0\.0 with 10 workers; found: none"):
        references.fitting_profile("http://there", 10)


def test_one_red_run_makes_the_whole_red_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = Judged(monkeypatch, [1, 0, 0, 0])
    assert command_line.main(["--workers", "2", "--workers", "3", "--report-dir", str(tmp_path)]) == 1
    assert {workers for workers, _ in judged.started} == {2, 3}
    assert "not green: workers-2 (exit code 1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("codes", "whole"), [((0, 1, 0, 0), 1), ((5, 0, 5, 0), 0), ((5, 5, 5, 5), 5), ((1, 3, 5, 0), 3)]
)
def test_one_red_part_makes_the_run_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], whole: int
) -> None:
    Judged(monkeypatch, codes)
    reference = replace(references.python(1), servers=len(codes))
    assert references.judge(reference, tmp_path, []) == whole


def test_a_server_that_does_not_start_makes_the_run_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def broken(*, workers: int, log: Path) -> Iterator[str]:
        raise ServerError("no server today")
        yield

    monkeypatch.setattr(references, "langgraph_dev", broken)
    assert command_line.main(["--report-dir", str(tmp_path)]) == 1
    assert "no server today" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workers", "0"], "--workers"),
        (["--workers", "-1"], "--workers"),
        (["--workers", "many"], "--workers"),
        (["--server", "js", "--workers", "2"], "--workers"),
        (["--server", "js", "--line", "0.1"], "--line"),
        (["--line", "1.5"], "--line"),
    ],
)
def test_a_useless_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    with pytest.raises(SystemExit):
        command_line.main([*arguments, "--report-dir", str(tmp_path)])
    assert named in capsys.readouterr().err.splitlines()[-1]


def part_of_the_catalogue(text: str) -> list[str]:
    """Return the scenarios of a part, in order."""
    part = read_part(text)
    return [scenario.id for position, scenario in enumerate(catalogue()) if part.has(position)]


def test_the_parts_are_all_of_the_catalogue_and_none_has_what_another_has() -> None:
    parts = [part_of_the_catalogue(f"{number}/3") for number in (1, 2, 3)]
    everything = [scenario.id for scenario in catalogue()]
    assert sorted(scenario for part in parts for scenario in part) == sorted(everything)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


async def test_a_run_with_a_part_plays_the_scenarios_of_the_part() -> None:
    more = ("--collect-only", "-q", "-p", "tests.reference.parts", "--part=2/3")
    run = await run_suite(*more, suite=EVERYTHING)
    assert run.code == 0, run.output
    cases = [line.partition("[")[2].partition("::")[0] for line in run.output.splitlines() if "[" in line]
    assert sorted(set(cases)) == sorted(part_of_the_catalogue("2/3"))
