"""A deployment with several graphs: where their scripts come from, who finds them, and which one a run plays."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import MockDeployment, Script, ScriptError, Step, Turn
from mockserver.control.controller import ControlError
from mockserver.script.sources import Sources, named_source, read_graphs
from tests.mockserver.test_command_line import running, start
from tests.mockserver.witness import DEADLINE

UUID = "01a21ed4-2fac-71a5-9ba5-0d345b32d54b"


def saying(text: str, name: str | None = None) -> Script:
    return Script(turns=[Turn(steps=[Step(say=text)])], name=name)


def words(text: str, name: str = "") -> str:
    return (f"name: {name}\n" if name else "") + f"turns: [{{steps: [{{say: {text}}}]}}]\n"


def said(url: str, assistant: str, thread: str | None = None) -> str:
    path = "/runs/wait" if thread is None else f"/threads/{thread}/runs/wait"
    body = {"assistant_id": assistant, "input": {"messages": "hello"}}
    answer = httpx.post(f"{url}{path}", json=body, timeout=DEADLINE)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["messages"][-1]["content"])


TWO: Sources = {"support": saying("Support."), "research": saying("Research.")}


def test_each_graph_has_an_assistant_with_its_name() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        found = client.post("/assistants/search", json={"sort_by": "name", "sort_order": "asc"}).json()
        assert [(one["name"], one["graph_id"], one["metadata"]) for one in found] == [
            (name, name, {"created_by": "system"}) for name in ("research", "support")
        ]
        (research,) = client.post("/assistants/search", json={"graph_id": "research"}).json()
        for assistant in ("research", research["assistant_id"]):
            assert said(mock.url, assistant) == "Research."
        assert said(mock.url, "support") == "Support."
        # The id depends on nothing but the name.
        with MockDeployment(script={"research": saying("Other.")}, seed=5) as other:
            assert said(other.url, research["assistant_id"]) == "Other."


def test_an_assistant_of_any_graph_and_its_versions() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        made = client.post("/assistants", json={"graph_id": "research", "name": "Mine"}).json()
        path = f"/assistants/{made['assistant_id']}"
        assert said(mock.url, made["assistant_id"]) == "Research."
        assert client.get(f"{path}/schemas").json()["graph_id"] == "research"
        assert client.patch(path, json={"graph_id": "support"}).json()["graph_id"] == "support"
        assert said(mock.url, made["assistant_id"]) == "Support."
        assert [one["graph_id"] for one in client.post(f"{path}/versions").json()] == ["support", "research"]
        assert client.post(f"{path}/latest", json={"version": 1}).json()["graph_id"] == "research"
        assert said(mock.url, made["assistant_id"]) == "Research."


def test_an_unknown_graph_is_refused_with_the_known_ones() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        run = client.post("/runs", json={"assistant_id": "agent"})
        assert (run.status_code, run.json()["detail"].splitlines()[-1]) == (
            422,
            "- One of the registered graphs: support, research",
        )
        made = client.post("/assistants", json={"graph_id": "agent"})
        assert (made.status_code, made.json()["detail"]) == (
            404,
            'Graph "agent" not found. Expected one of: ["support","research"].',
        )
        for part in ("graph", "schemas", "subgraphs"):
            assert client.get(f"/assistants/agent/{part}").status_code == 422


def test_a_thread_follows_the_graph_of_its_last_run() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        assert said(mock.url, "research", thread) == "Research."
        assert mock.threads()[0]["metadata"]["graph_id"] == "research"
        assert mock.state(thread)["metadata"]["graph_id"] == "research"
        assert said(mock.url, "support", thread) == "Support."
        other = client.post("/threads", json={"metadata": {"graph_id": "research"}}).json()["thread_id"]
        client.post(f"/threads/{other}/state", json={"values": {"messages": "hello"}, "as_node": "agent"})
        assert mock.state(other)["metadata"]["graph_id"] == "research"
        for graph, thread_id in (("support", thread), ("research", other)):
            found = client.post("/threads/search", json={"metadata": {"graph_id": graph}}).json()
            assert [one["thread_id"] for one in found] == [thread_id]


def test_a_run_that_waits_plays_its_own_graph() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        mock.hold("agent:1/enter")
        for graph in ("support", "research", "support"):
            body = {"assistant_id": graph, "input": {"messages": "hello"}, "multitask_strategy": "enqueue"}
            client.post(f"/threads/{thread}/runs", json=body)
        mock.wait_until_held("agent:1/enter")
        mock.release()
        mock.wait_until_quiet()
        messages = mock.state(thread)["values"]["messages"]
        assert [one["content"] for one in messages if one["type"] == "ai"] == ["Support.", "Research.", "Support."]


def test_a_script_may_know_its_graph() -> None:
    script = """
        turns:
          - {when: {assistant: b}, steps: [{say: I am b.}]}
          - {steps: [{say: I am another.}]}
    """
    with MockDeployment(script={"a": script, "b": script}) as mock:
        assert [said(mock.url, graph) for graph in ("a", "b")] == ["I am another.", "I am b."]


def test_the_built_in_graph_under_another_name() -> None:
    with MockDeployment(graph="chat") as mock:
        assert said(mock.url, "chat") == "You said: hello"
        assert [one["graph_id"] for one in httpx.post(f"{mock.url}/assistants/search", json={}).json()] == ["chat"]
        mock.reset()
        assert said(mock.url, "agent") == "You said: hello"
        mock.reset(graph="chat")
        mock.load_script(words("Loaded."))
        assert said(mock.url, "chat") == "Loaded."
    with pytest.raises(ScriptError, match="there only without a script"):
        MockDeployment(graph="chat", script=words("x"))


# -- where scripts come from -----------------------------------------------------------------------------------------


def folder(path: Path) -> Path:
    (path / "b.yaml").write_text(words("b"))
    (path / "a.yml").write_text(words("a", "first"))
    (path / "c.json").write_text('{"turns": [{"steps": [{"say": "c"}]}]}')
    (path / "notes.txt").write_text("not a script")
    return path


def listed(path: Path) -> Path:
    folder(path)
    (path / "inside").mkdir()
    (path / "inside" / "langgraph.json").write_text(
        '{"dependencies": ["."], "graphs": {"two": "../b.yaml", "one": {"path": "../a.yml"}}, "env": ".env"}'
    )
    return path / "inside" / "langgraph.json"


@pytest.mark.parametrize(
    ("sources", "graphs"),
    [
        (lambda path: path / "b.yaml", ["agent"]),
        (lambda path: path / "a.yml", ["first"]),
        (lambda path: str(path / "a.yml"), ["first"]),
        (lambda path: words("x", "named"), ["named"]),
        (lambda path: saying("x"), ["agent"]),
        (lambda path: [saying("x"), path / "a.yml"], ["agent", "first"]),
        (lambda path: {"x-1": path / "a.yml", "2": words("x", "named")}, ["x-1", "2"]),
        (lambda path: [path / "a.yml", {"x": path / "a.yml"}], ["first", "x"]),
        (lambda path: path, ["first", "b", "c"]),
        (str, ["first", "b", "c"]),
        (lambda path: path / "inside" / "langgraph.json", ["two", "one"]),
        (lambda path: None, ["agent"]),
    ],
)
def test_the_names_and_the_order_of_graphs(
    tmp_path: Path, sources: Callable[[Path], Sources | None], graphs: list[str]
) -> None:
    listed(tmp_path)
    found = read_graphs(sources(tmp_path))
    assert (list(found), found.default) == (graphs, graphs[0])


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (lambda path: [], "the list of scripts is empty"),
        (lambda path: [words("x"), words("y")], "two scripts have the graph `agent`: script 1 and script 2"),
        (lambda path: [path / "b.yaml", path / "c.json"], r"two scripts have the graph `agent`: .*b.yaml and .*c.json"),
        (lambda path: {"": words("x")}, "`` cannot be the name of a graph. Use up to 64 letters"),
        (lambda path: {"a b": words("x")}, "`a b` cannot be the name of a graph"),
        (lambda path: {UUID: words("x")}, f"`{UUID}` cannot be the name"),
        (lambda path: {"3 4": words("x")}, "`3 4` cannot be the name"),
        (lambda path: {"x": path}, "`x` is one name, and .* may have several graphs"),
        (lambda path: {"x": path / "inside" / "langgraph.json"}, "`x` is one name"),
        (lambda path: {"x": words("y").replace("say", "sai")}, "^script `x`:1:19: unknown key `sai`"),
        (lambda path: [words("y"), words("y").replace("say", "sai")], "^script 2:1:19: unknown key `sai`"),
        (lambda path: words("x", "a/b"), "script:1:1: `a/b` cannot be the name of a graph"),
        (lambda path: path / "empty", "the folder .*empty has no scripts. Their names end with .yaml"),
        (lambda path: path / "missing", "cannot read the script .*missing"),
        (
            lambda path: path / "code.json",
            r"code.json: the graph `x` is code, ./agent.py:graph, .* Name a script, see --from-graph",
        ),
        (lambda path: path / "typescript.json", "the graph `x` is code"),
        (lambda path: path / "none.json", "none.json:1:12: `graphs` lists no graph"),
        (lambda path: path / "pathless.json", "the graph `x` has no file"),
        (lambda path: path / "bad.json", "bad.json: `a b` cannot be the name of a graph"),
        (lambda path: 3, "the script is a int. Give a Script, a path or a text"),
        (lambda path: [3], "script 1 is a int"),
    ],
)
def test_what_is_no_script_or_no_name_is_one_line(tmp_path: Path, sources: Callable[[Path], Any], reason: str) -> None:
    listed(tmp_path)
    (tmp_path / "empty").mkdir()
    for name, text in {
        "code": '{"graphs": {"x": "./agent.py:graph"}}',
        "typescript": '{"graphs": {"x": "./agent.ts:graph"}}',
        "none": '{"graphs": {}}',
        "pathless": '{"graphs": {"x": {"description": "d"}}}',
        "bad": '{"graphs": {"a b": "b.yaml"}}',
    }.items():
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(ScriptError) as raised:
        read_graphs(sources(tmp_path))
    assert re.search(reason, str(raised.value))
    assert "\n" not in str(raised.value)


def test_the_option_of_a_script(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.yaml"
    odd.write_text(words("x"))
    assert named_source("support.yaml") == Path("support.yaml")
    assert named_source("help=support.yaml") == {"help": Path("support.yaml")}
    assert named_source(str(odd)) == odd
    assert named_source("./missing=b.yaml") == Path("./missing=b.yaml")
    for wrong in ("help=", "a b=support.yaml", "=support.yaml"):
        with pytest.raises(ScriptError, match=r"names no file|cannot be the name"):
            named_source(wrong)


# -- while the deployment runs ---------------------------------------------------------------------------------------


def test_loading_scripts_replaces_and_adds_graphs_and_keeps_the_others() -> None:
    with MockDeployment(script=TWO) as mock:
        mock.load_script(words("Default."))
        assert [said(mock.url, graph) for graph in ("support", "research")] == ["Default.", "Research."]
        mock.load_script({"research": words("New."), "third": words("Third.")})
        assert [said(mock.url, graph) for graph in ("support", "research", "third")] == ["Default.", "New.", "Third."]
        mock.reset(script=TWO)
        assert httpx.post(f"{mock.url}/assistants/count", json={}).json() == 2


def test_the_built_in_graph_is_there_only_while_no_script_is() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as client:
        made = client.post("/assistants", json={"graph_id": "agent"}).json()["assistant_id"]
        mock.load_script(words("Support.", "support"))
        assert said(mock.url, "support") == "Support."
        assert client.post("/runs", json={"assistant_id": "agent"}).status_code == 422
        left = client.post("/runs", json={"assistant_id": made})
        assert (left.status_code, left.json()["detail"]) == (
            404,
            'Graph "agent" not found. Expected one of: ["support"].',
        )
        assert client.get(f"/assistants/{made}/graph").status_code == 404
        mock.reset()
        assert said(mock.url, "agent") == "You said: hello"


def test_scripts_on_one_thread() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=mock.url) as client:
        one, two = (client.post("/threads", json={}).json()["thread_id"] for _ in range(2))
        assert said(mock.url, "research", one) == "Research."
        # Without a name, the script is for the graph of the thread.
        mock.load_script(words("Mine."), thread_id=one)
        assert [said(mock.url, "research", thread) for thread in (one, two)] == ["Mine.", "Research."]
        mock.load_script({"support": words("Mine too.")}, thread_id=one)
        assert [said(mock.url, "support", thread) for thread in (one, two)] == ["Mine too.", "Support."]
        with pytest.raises(ControlError, match=r"there is no graph `third` .* the graphs support, research"):
            mock.load_script(words("x", "third"), thread_id=one)
        with pytest.raises(ControlError, match="there is no thread"):
            mock.load_script(words("x"), thread_id=UUID)


def test_the_control_api_takes_one_script_or_several() -> None:
    with MockDeployment(script=TWO) as mock, httpx.Client(base_url=f"{mock.url}/_mock") as client:
        one: Any = {"turns": [{"name": "t", "steps": [{"say": "One."}]}]}

        def loaded(script: Any, **more: Any) -> Any:
            return client.post("/script", json={"script": script, **more}).json()

        assert loaded(one) == {"turns": ["t"], "graphs": ["support"]}
        assert loaded([{**one, "name": "x"}, words("Two.", "y")]) == {
            "turns": {"x": ["t"], "y": [""]},
            "graphs": ["x", "y"],
        }
        assert loaded({"research": words("Three."), "z": one})["graphs"] == ["research", "z"]
        graphs = ("support", "research", "x", "y", "z")
        assert [said(mock.url, graph) for graph in graphs] == ["One.", "Three.", "One.", "Two.", "One."]
        thread = httpx.post(f"{mock.url}/threads", json={}).json()["thread_id"]
        refused = client.post("/script", json={"script": {"new": one}, "thread_id": thread})
        assert (refused.status_code, "no graph `new`" in refused.json()["detail"]) == (404, True)
        for wrong, reason in (
            ({"research": words("x").replace("say", "sai")}, "research:1:19: unknown key `sai`"),
            ([one, one], "two scripts have the graph `support`"),
            ([], "the list of scripts is empty"),
            ({"a b": one}, "`a b` cannot be the name"),
            ({"name": "x"}, "the key `turns` is missing"),
        ):
            answer = client.post("/script", json={"script": wrong})
            assert (answer.status_code, reason in answer.json()["detail"]) == (422, True), answer.text


# -- on the command line ---------------------------------------------------------------------------------------------


def test_several_scripts_on_the_command_line_are_read_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(words("One.", "support"))
    second.write_text(words("Two.", "ignored"))
    with running("--script", str(first), "--script", f"research={second}", "--time", "instant") as (process, client):
        url = str(client.base_url)
        assert process.stderr is not None
        assert [said(url, graph) for graph in ("support", "research")] == ["One.", "Two."]
        first.write_text(words("Three.", "support"))
        second.write_text(words("Four."))
        process.send_signal(signal.SIGHUP)
        while "reloaded" not in process.stderr.readline():
            pass
        assert [said(url, graph) for graph in ("support", "research")] == ["Three.", "Four."]


def test_a_folder_of_scripts_on_the_command_line(tmp_path: Path) -> None:
    with running("--script", str(folder(tmp_path)), "--time", "instant") as (process, client):
        url = str(client.base_url)
        assert process.stderr is not None
        assert [said(url, graph) for graph in ("first", "b", "c")] == ["a", "b", "c"]
        (tmp_path / "d.yaml").write_text(words("d"))
        process.send_signal(signal.SIGHUP)
        while "reloaded" not in process.stderr.readline():
            pass
        assert said(url, "d") == "d"


def test_the_name_of_the_built_in_graph_on_the_command_line() -> None:
    with running("--graph", "chat", "--time", "instant") as (_, client):
        assert said(str(client.base_url), "chat") == "You said: hello"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--graph", "a b"], "`a b` cannot be the name of a graph"),
        (["--graph", "x", "--script", "FILE"], "there only without a script"),
        (["--script", "FILE", "--script", "FILE"], "two scripts have the graph `agent`"),
        (["--from-graph", "agent.py:graph", "--script", "FILE"], "--from-graph writes a script and takes no --script"),
        (["--script", "x=missing.yaml"], "cannot read the script missing.yaml"),
    ],
)
def test_an_impossible_option_is_one_line(tmp_path: Path, options: list[str], reason: str) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(words("x"))
    process = start("--port", "0", *(str(file) if one == "FILE" else one for one in options))
    _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err.count("\n"), reason in err) == (2, 1, True), err
