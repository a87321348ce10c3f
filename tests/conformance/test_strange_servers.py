"""Reports of servers that send megabytes of text, and characters that hide, reorder or break."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tests.conformance.deployments import PLAINEST, Wrong, creates_with_201, deployment
from tests.conformance.runs import run_suite
from tests.conformance.test_junit import obey_the_rules

MEGABYTE = 2**20
# C0 controls with NUL, C1 controls with U+009B, which some terminals take for the beginning of a command, a mark that
# reorders text, both separators, an invisible sign, and half of a pair of UTF-16.
SIGNS = "\x00\x07\x1b[2J\x9b31m\x85\u202e\u2066\u2028\u2029\u200b\ufeff"
HALF = b"\\ud800"
MARKUP = "]]><script>alert(1)</script>&amp;|`*_[a](javascript:b)\\"

STRANGE = (SIGNS + MARKUP) * 3


def strange(text: str) -> Wrong:
    """Return a server that shows this text as the status, an error and in the metadata of its runs and threads."""

    def answer(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        if request.path == "/info" or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        body = msgspec.json.decode(response.body) if response.content_type == "application/json" else None
        # The runs that are played first, to find out whether the server can be judged, are answered as they should.
        for shown in body if isinstance(body, list) else [body]:
            if isinstance(shown, dict) and shown.get("metadata", {}).get("doubletext_label") == "B":
                shown |= {"status": text, "error": text, text[:40]: text}
                shown["metadata"][text[:60]] = text
        if body is not None:
            raw = json.dumps(body).encode()
            response.body = raw.replace(b"HALF", HALF)
        return response

    return answer


def raw_signs(text: str) -> set[str]:
    """Return what a terminal, an editor or an XML parser does not show as it is."""
    return {sign for sign in text if not sign.isprintable() and sign not in "\n\t"}


TEXTS = {"signs": (STRANGE, "RUN-01"), "half": (f"HALF{STRANGE}", "SHP-01"), "megabytes": ("x" * MEGABYTE, "RUN-01")}
"""Texts by a word for each, with a requirement that they break. Half of a pair makes the answer no JSON."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEXTS)
async def test_every_report_of_a_strange_server_can_be_read(kind: str, tmp_path: Path) -> None:
    text, broken = TEXTS[kind]
    folder, junit, summary = tmp_path / "report", tmp_path / "junit.xml", tmp_path / "summary.md"
    again = tmp_path / "again"
    async with deployment(strange(text)) as there:
        run = await run_suite(
            *(f"--deployment-url=ours={there.url}", f"--conformance-report={folder}", f"--junitxml={junit}"),
            # The run whose answer is no JSON is waited for until the deadlines pass.
            *("-k", f"{PLAINEST}::", "--conformance-deadline-scale=0.5"),
            env={"GITHUB_STEP_SUMMARY": str(summary)},
        )
        verbose = await run_suite(
            *(f"--deployment-url=ours={there.url}", f"--conformance-resume={folder}", f"--conformance-report={again}"),
            *("-v", "-k", f"{PLAINEST}::RUN"),
        )
    assert run.code == verbose.code == 1, run.output
    assert "INTERNALERROR" not in run.output + verbose.output
    texts = {
        "terminal": run.output,
        "verbose": verbose.output,
        "JUnit": junit.read_text("utf-8"),
        "summary": summary.read_text("utf-8"),
        "page": (folder / "report.html").read_text("utf-8"),
        "report": (folder / "report.json").read_text("utf-8"),
    }
    assert {name: raw_signs(shown) for name, shown in texts.items() if raw_signs(shown)} == {}
    assert {name for name, shown in texts.items() if len(shown) > MEGABYTE} == set()
    # A screen or two.
    assert len(run.output.splitlines()) < 100
    assert max(map(len, run.output.splitlines())) < 4000
    obey_the_rules(junit)
    cases = list(ET.fromstring(texts["JUnit"]).iter("testcase"))
    results = msgspec.json.decode(texts["report"])["results"]
    assert len(cases) == len(results)
    assert "ERROR" not in {result["verdict"] for result in results}
    assert broken in {result["requirement"] for result in results if result["verdict"] == "FAIL"}
    assert "<script>alert" not in texts["page"]
    assert "<script>alert" not in texts["summary"]


@pytest.mark.slow
async def test_a_server_that_breaks_hundreds_is_shown_on_a_screen(tmp_path: Path) -> None:
    def refuses(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        if request.method == "GET" and "/runs" in request.path:
            response.headers["content-type"] = "text/plain"
        return creates_with_201(request, response)

    async with deployment(refuses) as there:
        run = await run_suite(
            *(f"--deployment-url={there.url}", f"--conformance-report={tmp_path}", "--conformance-jobs=8"),
            *("-k", "interrupt/during-tools/create and (RUN or SHP or INT or AGR)"),
        )
    assert run.code == 1, run.output
    assert len(run.output.splitlines()) < 100
    summary = json.loads((tmp_path / "report.json").read_text())["summary"]
    assert summary["FAIL"] > 20
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


async def test_a_server_without_a_failure_has_a_report_without_findings(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    run = await run_suite(
        *(f"--conformance-report={tmp_path}", "-k", f"{PLAINEST}::RUN"), env={"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert run.code == 0, run.output
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "No MUST requirement is broken." in page
    assert '<article class="finding' not in page
    assert "No requirement is broken, except as the profile declares." in summary.read_text("utf-8")
