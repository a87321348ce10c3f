"""Conversations of two servers side by side: equal parts, differences, and their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.report.load import Unreadable
from conformance.report.report import Report, Result, summarise, write_report, write_transcript
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario
from conformance.transcript import transcript as t
from tests.reference.side_by_side import __main__ as command
from tests.reference.side_by_side.conversation import conversation
from tests.reference.side_by_side.differences import ABSENT, Difference, differences
from tests.reference.side_by_side.explaining import Reason, TableError, read_table, reason_for
from tests.reference.side_by_side.page import render
from tests.reference.side_by_side.result import SideBySide, side_by_side

SCENARIO = "interrupt/by-hand/create/unwatched"


class Server:
    """A server whose ids begin with `digit`: what it said in a play, moment by moment."""

    def __init__(self, digit: str) -> None:
        self.digit = digit
        self.moments: list[t.AnyMoment] = []
        self.thread, self.run = self.id(1), self.id(2)
        self.says("create thread", "main", {"thread_id": self.thread, "created_at": self.time(1), "status": "idle"})
        self.says("submit", "A", {"run_id": self.run, "thread_id": self.thread, "status": "pending"})

    def id(self, number: int) -> str:
        return f"{self.digit * 8}-0000-4000-8000-{number:012}"

    def time(self, second: int) -> str:
        return f"202{self.digit}-01-01T00:00:{second:02}.5+00:00"

    def says(self, purpose: str, about: str, body: Any, status: int = 200, **headers: str) -> None:
        exchange = self._ask(purpose, about)
        self._add(t.Response, exchange=exchange, status=status, headers={"date": self.time(9), **headers}, body=body)

    def streams(self, purpose: str, about: str, *events: tuple[str, Any]) -> None:
        exchange = self._ask(purpose, about)
        self._add(t.Response, exchange=exchange, status=200, headers={}, streamed=True)
        for number, (event, data) in enumerate(events):
            self._add(t.StreamEvent, exchange=exchange, event=event, data=data, id=f"{self.digit}0000-{number}")
        self._add(t.Closed, exchange=exchange)

    def recorded(self) -> t.Transcript:
        submit = s.Submit(label="A", text="weather")
        return t.Transcript(
            suite=t.SuiteInfo("doubletext", "1", "today"),
            target=t.TargetInfo(url=f"http://{self.digit}.example", server="by-hand", version=self.digit),
            scenario=Scenario(id=SCENARIO, about="by hand", moves=(submit,)),
            started_at=self.time(0),
            observed_for=0.0,
            threads={s.MAIN: self.thread},
            moments=self.moments,
        )

    def _ask(self, purpose: str, about: str) -> int:
        exchange = len(self.moments) + 1
        path = f"/threads/{self.thread}"
        self._add(
            t.Request, exchange=exchange, purpose=purpose, about=about, method="GET", path=path, headers={}, body=None
        )
        return exchange

    def _add(self, kind: type[t.AnyMoment], **fields: Any) -> None:
        self.moments.append(kind(seq=len(self.moments), t=0.0, **fields))


@pytest.fixture
def servers() -> tuple[Server, Server]:
    return Server("1"), Server("2")


def found(servers: tuple[Server, Server]) -> list[Difference]:
    return differences(SCENARIO, *(conversation(server.recorded()) for server in servers))


def places(servers: tuple[Server, Server]) -> list[tuple[str, str, str]]:
    return [(one.place, one.reference, one.mock) for one in found(servers)]


def test_ids_and_times_make_no_difference(servers: tuple[Server, Server]) -> None:
    for server in servers:
        history = [{"checkpoint_id": server.id(4), "values": {"messages": [{"id": server.id(5)}]}, "tasks": []}]
        server.says("final history", "main", history, 200, **{"content-location": f"/threads/{server.thread}"})
        server.says("final runs", "main", [{"run_id": server.run, "at": server.time(3), "other": server.id(7)}])
        server.streams("watch", "V", ("metadata", {"run_id": server.run}), ("values", {"messages": []}))
    assert found(servers) == []


def test_a_value_that_differs_is_told_with_its_place(servers: tuple[Server, Server]) -> None:
    servers[0].says("final run", "run A", {"status": "success", "kwargs": {"tags": ["a", "b"]}})
    servers[1].says("final run", "run A", {"status": "error", "kwargs": {"tags": ["a", "c"], "more": None}})
    assert places(servers) == [
        ("final run run A: 1.answer.body.status", '"success"', '"error"'),
        ("final run run A: 1.answer.body.kwargs.tags.2", '"b"', '"c"'),
        ("final run run A: 1.answer.body.kwargs.more", ABSENT, "null"),
    ]


def test_an_id_is_the_same_wherever_it_stands(servers: tuple[Server, Server]) -> None:
    for server, written_by in zip(servers, (servers[0].run, servers[1].id(8)), strict=True):
        server.says("final state", "main", {"metadata": {"run_id": written_by}})
    assert places(servers) == [("final state main: 1.answer.body.metadata.run_id", '"<run A>"', '"<id 1>"')]


def test_status_and_headers_are_compared_but_for_framing(servers: tuple[Server, Server]) -> None:
    servers[0].says("cancel", "A", None, 202, server="uvicorn", vary="Origin")
    servers[1].says("cancel", "A", None, 204, server="mock")
    assert places(servers) == [
        ("cancel A: 1.answer.status", "202", "204"),
        ("cancel A: 1.answer.headers.vary", '"Origin"', ABSENT),
    ]


def test_one_event_more_is_one_difference(servers: tuple[Server, Server]) -> None:
    servers[0].streams("watch", "V", ("metadata", 1), ("values", 2))
    servers[1].streams("watch", "V", ("metadata", 1), ("updates", 3), ("values", 2))
    assert [place for place, _, _ in places(servers)] == [
        "watch V: 1.answer.events.+2",
        "watch V: 1.answer.events.2.id",
    ]


def test_another_order_is_one_difference(servers: tuple[Server, Server]) -> None:
    for server, order in zip(servers, ((1, 2), (2, 1)), strict=True):
        server.says("final runs", "main", [{"name": f"run {number}", "status": "success"} for number in order])
    assert [place for place, _, _ in places(servers)] == ["final runs main: 1.answer.body.order"]


def test_of_requests_that_only_wait_the_last_one_counts(servers: tuple[Server, Server]) -> None:
    for server, times in zip(servers, (1, 3), strict=True):
        for _ in range(times):
            server.says("cron runs", "A", [])
        server.says("cron runs", "A", [{"run_id": server.run}])
    assert found(servers) == []


def test_looks_are_reduced_to_the_statuses_that_stay(servers: tuple[Server, Server]) -> None:
    for server, statuses in zip(
        servers, (("pending", "running", "running", "success"), ("running", "success", "success")), strict=True
    ):
        for status in statuses:
            server.says("look", "run A", {"run_id": server.run, "status": status})
    assert found(servers) == []
    servers[1].says("look", "run A", {"run_id": servers[1].run, "status": "error"})
    assert places(servers) == [("statuses of run A: +2", ABSENT, '"error"')]


def test_the_fields_of_a_status_are_compared_where_both_were_seen_with_it(servers: tuple[Server, Server]) -> None:
    servers[0].says("look", "run A", {"status": "pending", "kwargs": {}})
    servers[1].says("look", "run A", {"status": "running"})
    assert found(servers) == []
    for server in servers:
        server.says("look", "run A", {"status": "success"} | ({"more": 1} if server is servers[0] else {}))
    assert [place for place, _, _ in places(servers)] == ["fields of run A: success.fields.1"]


def test_what_only_one_server_did_is_told(servers: tuple[Server, Server]) -> None:
    servers[0]._add(t.WitnessEvent, label="A", step="agent:1", event="enter")
    servers[1]._add(t.Missed, awaited="run A to start", seconds=1.0)
    assert [one.topic for one in found(servers)] == ["steps of A", "missed"]


# -- reasons ---------------------------------------------------------------------------------------------------------

DIFFERENCE = Difference(scenario=SCENARIO, topic="join A", path="1.answer.body.values", reference='"old"', mock='"new"')


@pytest.mark.parametrize(
    ("fields", "explained"),
    [
        ({}, True),
        ({"scenario": ["interrupt/*"], "topic": ["join *"], "path": ["*.values"]}, True),
        ({"reference": ["x", '"old"']}, True),
        ({"mock": ['"old"']}, False),
        ({"topic": ["watch *"]}, False),
        ({"known": ["INT-07"]}, True),
        ({"known": ["INT-08"]}, False),
    ],
)
def test_a_reason_explains_what_all_its_patterns_fit(fields: dict[str, list[str]], explained: bool) -> None:
    reason = msgspec.convert({"name": "a", "kind": "fault", "reason": "…", **fields}, Reason)
    assert reason_for(DIFFERENCE, [reason], frozenset({"INT-07"})) == ("a" if explained else None)


ENTRY = '[[explained]]\nname = "a"\nkind = "fault"\nreason = "…"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY + ENTRY, "two reasons are called 'a'"),
        (ENTRY + 'scenarios = ["x"]\n', "line 5.*scenarios"),
        (ENTRY.replace("fault", "fate"), "line 3.*fate"),
        ("[[explained]\n", "line 1"),
    ],
)
def test_a_broken_table_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TableError, match=told):
        read_table(path)


def write(folder: Path, server: Server, known: str | None = None, scenario: str = SCENARIO) -> Path:
    recorded = server.recorded()
    result = Result(
        requirement="INT-07",
        level="MUST",
        scenario=scenario,
        verdict="FAIL",
        reason="",
        transcript="there",
        known=known,
    )
    write_transcript(folder, recorded)
    report = Report(suite=recorded.suite, target=recorded.target, summary=summarise([result]), results=[result])
    write_report(folder, report)
    return folder


@pytest.fixture
def reports(servers: tuple[Server, Server], tmp_path: Path) -> tuple[Path, Path]:
    servers[0].says("final run", "run A", {"status": "success"})
    servers[1].says("final run", "run A", {"status": "error"})
    return write(tmp_path / "reference", servers[0], known="as the profile says"), write(tmp_path / "mock", servers[1])


def test_a_known_failure_of_the_reference_explains_where_it_was_seen(reports: tuple[Path, Path]) -> None:
    reasons = [
        Reason(name="other", kind="fault", reason="…", known=("INT-08",)),
        Reason(name="known", kind="fault", reason="…", known=("INT-07",)),
        Reason(name="luck", kind="luck", reason="…", seldom=True),
    ]
    result = side_by_side(*reports, reasons)
    assert [one.explained for one in result.scenarios] == [{"known": 1}]
    assert (result.unexplained, result.stale(reasons)) == ([], ["other"])
    assert "| known | … (known failures: INT-07) | 1 | 1 |" in render(result, reasons)


def test_what_nobody_explains_is_on_the_page(reports: tuple[Path, Path]) -> None:
    result = side_by_side(*reports, [])
    assert [one.place for one in result.unexplained] == ["final run run A: 1.answer.body.status"]
    page = render(result, [])
    assert "| with a difference that is not explained | 1 |" in page
    assert f'- `{SCENARIO}`, final run run A: 1.answer.body.status: `"success"` / `"error"`' in page


def test_reports_of_other_scenarios_are_not_compared(
    reports: tuple[Path, Path], servers: tuple[Server, Server]
) -> None:
    write(reports[1], servers[1], scenario="reject/by-hand/create/unwatched")
    with pytest.raises(Unreadable, match="2 are in one only, such as interrupt/by-hand"):
        side_by_side(*reports, [])


def test_the_command_writes_the_page_and_is_red_for_what_is_open(
    reports: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    reasons: list[Reason] = [Reason(name="stale", kind="fault", reason="…", topic=("nothing",))]
    monkeypatch.setattr(command, "read_table", lambda: reasons)
    assert command.main([str(path) for path in reports]) == 1
    told = capsys.readouterr().out
    assert "stale: explains nothing; take it out of the table" in told
    assert told.endswith("0 of 1 equal, 1 differences of 1 not explained\n")
    reasons[:] = [Reason(name="all", kind="fault", reason="…")]
    assert command.main([str(path) for path in reports]) == 0
    written = command.PAGE.read_text("utf-8")
    command.PAGE.unlink()
    assert command.main(["--page"]) == 0
    assert command.PAGE.read_text("utf-8") == written == render(command.read_kept(), reasons)


@pytest.mark.parametrize("arguments", [[], ["one"], ["--page", "one"], ["nowhere", "nothing"]])
def test_the_command_says_what_it_wants(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert "the folders of two reports" in (told := capsys.readouterr().err) or "nowhere" in told


# -- what is committed ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept() -> SideBySide:
    return command.read_kept()


def test_the_page_is_made_from_what_is_kept_and_the_table(kept: SideBySide) -> None:
    page = command.PAGE.read_text("utf-8")
    assert page == render(kept, read_table()), "run: python -m tests.reference.side_by_side --page"


def test_every_difference_is_explained_and_no_reason_is_stale(kept: SideBySide) -> None:
    reasons = read_table()
    assert kept.unexplained == []
    assert kept.stale(reasons) == []
    names = {reason.name for reason in reasons}
    assert {name for one in kept.scenarios for name in one.explained} <= names
