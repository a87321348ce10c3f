"""The JavaScript of the documentation: the files of each page, run beside the packed package for Node."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.package import PROJECT, Project
from tests.documentation import JAVASCRIPT, all_blocks, blocks, write_files

EACH_PAGE = sorted({block.page for block in all_blocks() if block.title.endswith(JAVASCRIPT)})
FIRST_STEPS = "docs/start/test-a-react-application.md"
"""The page whose test fails before it passes, see `test_first_steps.py`."""

pytestmark = [pytest.mark.javascript, pytest.mark.timeout(900)]


def names_of(page: str, *ends: str) -> list[str]:
    """Return the names of the test files that a page shows."""
    return sorted({block.title for block in blocks(page) if block.title.endswith(ends)})


@pytest.mark.parametrize("page", [page for page in EACH_PAGE if page != FIRST_STEPS])
def test_the_tests_of_a_page_pass(page: str, project: Project, tmp_path: Path) -> None:
    folder = project.beside(tmp_path / "page")
    write_files(page, folder)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    names = names_of(page, ".test.js", ".test.jsx")
    output = project.tool("vitest", "run", "--testTimeout=60000", *names, cwd=folder)
    assert re.search(rf"Test Files +{len(names)} passed", output), output
    for name in names_of(page, ".jest.cjs"):
        output = project.tool("jest", "--rootDir", ".", "--testMatch", f"**/{name}", cwd=folder)
        assert re.search(r"Tests: +1 passed", output), output


@pytest.mark.browser
@pytest.mark.parametrize("page", [page for page in EACH_PAGE if names_of(page, ".play.js")])
def test_the_pages_in_a_browser(page: str, project: Project, chromium: str, tmp_path: Path) -> None:
    folder = project.beside(tmp_path / "page")
    write_files(page, folder)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    (folder / "playwright.config.mjs").write_text((PROJECT / "playwright.config.mjs").read_text("utf-8"), "utf-8")
    assert re.search(r"\d passed", project.tool("playwright", "test", cwd=folder, CHROMIUM=chromium))
