"""`python -m mockserver` as a process of its own, which is a fork: see `tests/forks.py`."""

import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mockserver.__main__ import main
from mockserver.defects import defects
from tests.forks import Piped
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> Piped:
    return Piped([sys.executable, "-m", "mockserver", *arguments], cwd=ROOT, env=os.environ)


@contextmanager
def running(*arguments: str) -> Iterator[tuple[Piped, httpx.Client]]:
    process = start("--port", "0", *arguments)
    try:
        line = process.stdout.readline()
        assert line.startswith("mockserver listening on http://127.0.0.1:")
        with httpx.Client(base_url=line.split()[-1], timeout=DEADLINE) as client:
            yield process, client
    finally:
        process.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_code_0_also_while_streams_are_open(number: signal.Signals) -> None:
    with running() as (process, client):
        body = {"assistant_id": "agent", "input": asking("sf")}
        with client.stream("POST", "/runs/stream", json=body) as stream:
            assert stream.status_code == 200
            process.send_signal(number)
            out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out) == (0, "")
        assert "Traceback" not in err


def test_a_log_that_nothing_reads_does_not_block_it() -> None:
    with running("--log-level", "info") as (process, client):
        # Far more than a pipe has room for.
        for number in range(100):
            assert client.get("/ok", params={"x": "y" * 4000, "number": number}).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        assert "number=99" in err


def test_requests_are_logged_to_stderr_at_info() -> None:
    for level, logged in (("info", True), ("warning", False)):
        with running("--log-level", level) as (process, client):
            client.get("/ok")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=DEADLINE)
            assert ('"GET /ok HTTP/1.1" 200' in err) is logged


def test_a_taken_port_is_one_line_and_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (2, "")
    assert (
        err
        == f"mockserver: cannot listen on 127.0.0.1:{port}: Address already in use; choose another --host or --port\n"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_here_is_one_line_and_code_2(host: str) -> None:
    process = start("--host", host, "--port", "0")
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "x"],
        ["--time-scale", "-1"],
        ["--log-level", "loud"],
        ["--run-timeout", "0"],
        ["--workers", "0"],
        ["--workers", "x"],
        ["--max-body", "0"],
    ],
)
def test_bad_arguments_are_code_2(arguments: list[str]) -> None:
    process = start(*arguments)
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (2, "")
    assert arguments[0] in err


def test_strictness_and_the_largest_body_are_options() -> None:
    with running("--strict", "--max-body", "100") as (_, client):
        assert client.post("/threads", json={"unheard": 1}).status_code == 422
        assert client.post("/threads", json={"metadata": {"long": "x" * 100}}).status_code == 413
        assert client.post("/threads", json={}).status_code == 200


def test_a_script_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("turns: [{steps: [{say: 'Pardon? {text}'}]}]")
    with running("--script", str(path), "--time-scale", "0") as (_, client):
        body = {"assistant_id": "agent", "input": {"messages": "hello"}}
        answer = client.post("/runs/wait", json=body).json()
    assert answer["messages"][-1]["content"] == "Pardon? hello"
    path.write_text("{")
    for bad in (path, tmp_path / "missing.json"):
        process = start("--script", str(bad))
        _, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, err.count("\n"), str(bad) in err) == (2, 1, True)


def test_two_starts_with_one_seed_give_the_same_bytes() -> None:
    def play(seed: str) -> list[bytes]:
        with running("--seed", seed, "--time-scale", "0", "--log-level", "warning") as (_, client):
            answers = [client.post("/threads", json={}).content]
            thread = json.loads(answers[0])["thread_id"]
            path = f"/threads/{thread}"
            for place in ("sf", "nyc"):
                body = {
                    "assistant_id": "agent",
                    "input": asking(place),
                    "stream_mode": ["values", "messages-tuple", "updates"],
                    "stream_resumable": True,
                }
                answers.append(client.post(f"{path}/runs/stream", json=body).content)
            answers += [client.get(f"{path}{rest}").content for rest in ("", "/state", "/history", "/runs")]
        return answers

    first, second, other = play("7"), play("7"), play("8")
    assert first == second
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_defects_on_the_command_line() -> None:
    with running("--defect", "created_201:1", "--defect", "foreign_thread_status") as (_, client):
        thread = client.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "agent", "after_seconds": 3600}
        codes = [client.post(f"/threads/{thread}/runs", json=body).status_code for _ in range(2)]
        assert codes == [201, 200]
        assert client.get(f"/threads/{thread}").json()["status"] == "running"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "gost_run",
            "--defect: there is no defect `gost_run`; the nearest is `ghost_run`, then cross_run_events, "
            f"zombie_running, webhook_says_running. `doubletext mock defects` lists all {len(defects())}",
        ),
        (
            "ghost_run:no",
            '--defect ghost_run:no: "no" is not a number of occurrences; give a whole number of 1 or more',
        ),
        ("ghost_run:0", '--defect ghost_run:0: "0" is not a number of occurrences; give a whole number of 1 or more'),
    ],
)
def test_a_defect_that_there_is_not(asked: str, said: str) -> None:
    process = start("--port", "0", "--defect", asked)
    _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err.strip()) == (2, f"mockserver: {said}")


def test_the_list_of_defects() -> None:
    process = start("defects")
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "ghost_run  (D04)\n    A stopped run is reported as `interrupted`" in out
    assert "stateless_thread_left  (D88, formerly stateless_shared)\n" in out
    ids = re.findall(r"^\w+  \(D(\d+)", out, re.MULTILINE)
    assert [int(number) for number in ids] == sorted({int(number) for number in ids})


def test_a_script_that_is_read_again_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"

    def ask(client: httpx.Client) -> str:
        answer = client.post("/runs/wait", json={"assistant_id": "agent", "input": {"messages": "hello"}}).json()
        return str(answer["messages"][-1]["content"])

    path.write_text("turns: [{steps: [{say: one}]}]")
    with running("--script", str(path), "--time", "instant") as (process, client):
        assert ask(client) == "one"
        for text, told, said in (
            ("turns: [{steps: [{say: two}]}]", "reloaded", "two"),
            ("turns: [{steps: [{sai: three}]}]", "Did you mean `say`?", "two"),
        ):
            path.write_text(text)
            process.send_signal(signal.SIGHUP)
            while told not in process.stderr.readline():
                pass
            assert ask(client) == said


def test_the_schema_of_scripts_is_written_for_editors() -> None:
    process = start("schema")
    out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert {"turns", "channels"} <= set(json.loads(out)["$defs"]["Script"]["properties"])


def test_a_recording_needs_to_know_of_what() -> None:
    process = start("record", "--thread", "x")
    _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, "--from" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--defcet", "ghost_run"), "there is no option `--defcet`. Did you mean `--defect`? The options are --help, "),
        (("-p", "2024"), "there is no option `-p`. Did you mean `--port`? The options are --help, "),
        (("--n-jobs-per-worker", "3"), "Did you mean `--workers`?"),
        (
            ("--time", "fast"),
            "argument --time: invalid choice: 'fast' (choose from real, instant, hand). Did you mean instant?",
        ),
        (("--time", "manual"), "Did you mean hand?"),
        (("serv",), "Did you mean serve?"),
        (("--log-level", "warn"), "Did you mean warning?"),
        (("--port", "x"), "argument --port: `x` is not a port. Give a number from 0 to 65535. See "),
        (("--seed", "x"), "argument --seed: `x` is not a seed. Give a whole number. See "),
        (("--port", "99999"), "99999 is not a port"),
        (("refund.yaml",), "a script is given with an option. Write --script refund.yaml"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line_with_the_right_one(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert says.replace("'", "") in shown.replace("'", ""), shown
    assert len(shown.splitlines()) == 1
    assert shown.endswith(" --help\n")
