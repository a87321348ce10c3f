"""An agent of a few lines, which knows nothing of the probe, on a real server."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.report.report import Report
from tests.conformance.runs import EVERYTHING, run_suite
from tests.reference.langgraph_dev import langgraph_dev

GRAPH = """
import asyncio
from langgraph.graph import START, MessagesState, StateGraph

async def think(state):
    await asyncio.sleep(5)  # how long this agent thinks, as any agent does; the test waits for the suite
    return {"messages": [("ai", "I have thought about it.")]}

graph = StateGraph(MessagesState).add_node(think).add_edge(START, "think").compile()
"""
SOME = "interrupt/during-tools/create/unwatched:: or reject/during-tools/create/unwatched:: or enqueue/idle"


@pytest.mark.reference
async def test_it_is_judged_by_what_needs_no_probe(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "ours.py").write_text(GRAPH)
    (folder / "langgraph.json").write_text('{"dependencies": ["."], "graphs": {"ours": "./ours.py:graph"}}')
    with langgraph_dev(workers=4, log=tmp_path / "server.log", agent=folder) as url:
        run = await run_suite(
            *(f"--deployment-url={url}", "--deployment-assistant=ours", f"--conformance-report={tmp_path}", "-k", SOME),
            suite=EVERYTHING,
        )
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert report.target.probe == "none"
    assert report.summary["FAIL"] == report.summary["WARN"] == report.summary["ERROR"] == 0, run.output
    verdicts = {(r.scenario.split("/")[0], r.requirement): r.verdict for r in report.results}
    assert verdicts["interrupt", "INT-02"] == verdicts["reject", "REJ-01"] == verdicts["enqueue", "RUN-01"] == "PASS"
    assert verdicts["interrupt", "INT-05"] == verdicts["interrupt", "INT-07"] == "NOT-APPLICABLE"
