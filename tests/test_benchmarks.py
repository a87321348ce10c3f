"""The requests and readings of the benchmarks. No test asserts a speed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks import beside, cold_start, fixture, growth, history
from benchmarks.__main__ import PAGE, PARTS, main, render
from benchmarks.load import AnswerError, connected, request, send_all
from benchmarks.servers import mock
from benchmarks.tables import Goal, Table
from mockserver.deployment import MockDeployment


async def test_the_client_reads_answers_of_every_kind() -> None:
    async with MockDeployment() as deployment, connected(deployment.url) as connection:
        thread = (await connection.ask_json("POST", "/threads", {}))["thread_id"]
        values = await connection.ask_json("POST", f"/threads/{thread}/runs/wait", beside.quickly("sf"))
        assert [message["type"] for message in values["messages"]] == ["human", "ai", "tool", "ai"]
        assert await connection.ask_json("DELETE", f"/threads/{thread}") is None
        with pytest.raises(AnswerError, match="404"):
            await connection.ask_json("GET", f"/threads/{thread}")
        assert await send_all(deployment.url, itertools.repeat(request("GET", "/ok"), 7), 3) == 7


async def test_the_double_text_that_is_timed_is_one() -> None:
    async with MockDeployment(time="real") as deployment:
        assert await beside.first_event(deployment.url) > 0
        (thread,) = deployment.threads()
        assert deployment.runs(thread["thread_id"])[0]["status"] == "interrupted"
        assert deployment.journal()[-1].strategy == "interrupt"


async def test_things_grow_as_they_are_said_to() -> None:
    with mock("--time-scale", "0") as server:
        async with connected(server.url) as connection:
            (thread,) = await beside.new_threads(server.url, 1)
            await growth.more_runs(connection, server, thread, 3)
            assert len(await connection.ask_json("GET", f"/threads/{thread}/runs")) == 3
            await growth.more_checkpoints(connection, server, thread, 2)
            await growth.more_messages(connection, server, thread, 5)
            await growth.more_threads(connection, server, thread, 4)
            assert await connection.ask_json("POST", "/threads/count", {}) == 5
            state = await connection.ask_json("GET", f"/threads/{thread}/state")
            assert len(state["values"]["messages"]) == 9
            await growth.play(connection, thread, 2, from_empty=True)
            state = await connection.ask_json("GET", f"/threads/{thread}/state")
            assert len(state["values"]["messages"]) == 4
        assert server.resident() > 1
        assert server.cpu() > 0


def test_a_goal_that_is_missed_is_said_to_be() -> None:
    table = Table(
        "Title", ("", "a"), [("b", "1")], "Note.", [Goal("times", 3, 2), Goal("of it", 0.2, 0.5, percent=True)]
    )
    page = render([table], 0)
    assert "3 times; goal: at least 2, reached." in page
    assert "20% of it; goal: at least 50%, **missed**." in page
    assert "|  | a |\n| --- | ---: |\n| b | 1 |" in page


def test_a_ratio_that_became_worse_is_a_regression(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert history.read(file) == []
    for share in (0.5, 0.9, 0.52):
        history.append(history.Entry("2026-01-01", "a machine", {"share": share, "cost": 2.0}), file)
    goals = [
        Goal("of it", 0.45, 0.4, percent=True, ratio="share"),
        Goal("times", 2.1, 2, at_most=True, ratio="cost"),
        Goal("ms", 7, 9),
        Goal("times", 3, 2, ratio="new"),
    ]
    assert history.ratios(goals) == {"share": 0.45, "cost": 2.1, "new": 3}
    assert [tuple(row) for row in history.table(goals, history.read(file)).rows] == [
        ("share", "45%", "52%", "**-13%, a regression**"),
        ("cost", "2.1", "2", "+5%"),
        ("new", "3", "", ""),
    ]


def test_the_imports_of_a_server_are_measured() -> None:
    assert cold_start.importing(*cold_start.COMMANDS["mock"]) > 1


def test_a_part_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["sideways"])
    assert f"there is no part 'sideways'; there are {', '.join(PARTS)}" in capsys.readouterr().err


def test_the_page_is_one_that_was_measured() -> None:
    page = PAGE.read_text("utf-8")
    assert page.startswith("# Benchmarks\n\nMeasured on 20")
    assert page.count("; goal: at least ") >= 6


def test_the_history_can_be_read() -> None:
    assert [entry.date for entry in history.read()] == sorted(entry.date for entry in history.read())
    assert "creation of a run: mock / bare" in history.read()[0].ratios


def test_the_fixture_is_measured_in_a_run_of_its_own(tmp_path: Path) -> None:
    for argument in ("", "mock_deployment, "):
        first, whole = fixture.play(tmp_path, argument, tests=2)
        assert 0 < first < whole
    assert fixture.reset() > 0
