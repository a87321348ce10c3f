"""The page for React: its test fails for the reason that the page shows, and passes after the fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.package import Project
from tests.clients.test_javascript_pages import FIRST_STEPS
from tests.documentation import blocks, clone, free_port, paste

pytestmark = pytest.mark.timeout(900)

BEFORE, APP, TESTS, AFTER, PLAYWRIGHT, PLAY = (
    (block.title, block.text) for block in blocks(FIRST_STEPS) if block.title
)
[REASON] = [block.text for block in blocks(FIRST_STEPS) if block.language == "text"]


def write(folder: Path, files: list[tuple[str, str]]) -> None:
    for name, text in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def expect_the_reason(output: str) -> None:
    assert "Tests  1 failed | 1 passed" in output, output
    missing = [line for line in REASON.splitlines() if line not in output]
    assert not missing, output
    assert "/cancel" not in output


@pytest.mark.javascript
def test_the_stop_button_fails_and_then_passes(project: Project, tmp_path: Path) -> None:
    folder = project.beside(tmp_path / "chat")
    write(folder, [BEFORE, APP, TESTS])
    failed = project.attempt("vitest", "run", "--testTimeout=20000", cwd=folder)
    assert failed.returncode == 1
    expect_the_reason(failed.stdout + failed.stderr)
    write(folder, [AFTER])
    passed = project.tool("vitest", "run", "--testTimeout=20000", cwd=folder)
    assert "Tests  2 passed" in passed


HTML = '<div id="root"></div><script type="module" src="/src/main.jsx"></script>'
MAIN = """
import { createRoot } from "react-dom/client"
import App from "./App"

createRoot(document.getElementById("root")).render(<App />)
"""
"""The page in place of the one of `npm create vite`, beside `HTML`."""


@pytest.mark.browser
def test_the_stop_button_fails_and_then_passes_in_a_browser(project: Project, chromium: str, tmp_path: Path) -> None:
    folder = project.beside(tmp_path / "chat")
    port = free_port()
    # The Vite of Vitest, which npm puts beside it, or inside it.
    modules = project.folder / "node_modules"
    places = (modules / "vite", modules / "vitest" / "node_modules" / "vite")
    vite = next(place for place in places if place.exists()) / "bin" / "vite.js"
    dev = f"node {vite} --strictPort --port {port}"
    package = json.dumps({"type": "module", "scripts": {"dev": dev}})
    write(folder, [BEFORE, APP, PLAY, ("index.html", HTML), ("src/main.jsx", MAIN), ("package.json", package)])
    launched = f'launchOptions: {{ executablePath: "{chromium}", args: ["--no-sandbox", "--disable-gpu"] }}, baseURL'
    name, text = PLAYWRIGHT
    write(folder, [(name, text.replace("5173", port).replace("baseURL", launched))])
    # The compiler of Vite takes React's own JSX from here. The template has it from its plugin.
    write(folder, [("tsconfig.json", '{"compilerOptions": {"jsx": "react-jsx"}}')])
    failed = project.attempt("playwright", "test", cwd=folder)
    assert "1 failed" in failed.stdout, failed.stdout + failed.stderr
    assert "1 passed" in failed.stdout
    missing = [line for line in REASON.splitlines() if line not in failed.stdout]
    assert not missing, failed.stdout
    write(folder, [AFTER])
    assert "2 passed" in project.tool("playwright", "test", cwd=folder)


# Not `javascript`: the commands install the newest release of everything, and no check that blocks may depend on that.
@pytest.mark.newest
def test_the_commands_as_printed(tmp_path: Path) -> None:
    (tmp_path / "doubletext").mkdir()
    clone(tmp_path / "doubletext")
    mock, project, variable, run, again, *_ = (block.text for block in blocks(FIRST_STEPS) if block.language == "sh")
    made = paste(mock + project, tmp_path, timeout=600)
    assert made.returncode == 0, made.stdout
    chat = tmp_path / "chat"
    write(chat, [BEFORE, APP, TESTS])
    failed = paste(variable + run, chat)
    assert failed.returncode == 1
    expect_the_reason(failed.stdout)
    write(chat, [AFTER])
    # With the types, as `npm run build` checks them.
    passed = paste(variable + again + "npm run build\n", chat)
    assert passed.returncode == 0, passed.stdout
