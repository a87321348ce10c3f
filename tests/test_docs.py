"""What the documentation shows is run."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import encode
from mockserver.defects import defects
from mockserver.defects import page as defects_page
from mockserver.deployment import MockDeployment
from tests.conformance.plays import play

DOCS = Path(__file__).parents[1] / "docs"


async def test_the_python_test_that_application_teams_are_shown() -> None:
    (snippet,) = python_in("application-teams.md")
    names: dict[str, object] = {}
    exec(compile(snippet, "application-teams.md", "exec"), names)
    shown = names["test_the_second_text_interrupts_the_first"]
    assert callable(shown)
    await shown()


def test_the_python_code_that_readers_of_results_are_shown(tmp_path: Path) -> None:
    [snippet] = [s for s in python_in("reports.md") if "judge_play" in s]
    names: dict[str, Any] = {}
    exec(compile(snippet, "reports.md", "exec"), names)
    [transcript] = play(catalogue()[:1]).values()
    path = tmp_path / "transcript.json"
    path.write_bytes(encode(transcript))
    found = names["verdicts"](path, "langgraph-api")
    assert {"PASS"} <= set(found.values()) <= {"PASS", "NOT-APPLICABLE"}


def python_in(page: str) -> list[str]:
    """The Python code on a page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_about_defects_is_current() -> None:
    page = (DOCS / "defects.md").read_text()
    assert page == defects_page.render(), "run: python -m mockserver.defects.page > docs/reference/defects.md"


def test_every_defect_is_shown_with_a_test_that_switches_it_on() -> None:
    shown = python_in("defects.md")
    assert len(shown) == len(defects())
    with MockDeployment() as mock_deployment:
        for snippet in shown:
            asked: list[str] = []
            names: dict[str, Any] = {"ask_twice": asked.append}
            exec(compile(snippet, "defects.md", "exec"), names)
            [name] = [name for name in names if name.startswith("test_with_")]
            names[name](mock_deployment)
            assert asked == [mock_deployment.url]
            on = json.load(urllib.request.urlopen(f"{mock_deployment.url}/_mock/defects"))["on"]
            assert [one["name"] for one in on] == [name.removeprefix("test_with_")]
            mock_deployment.defect_off()
