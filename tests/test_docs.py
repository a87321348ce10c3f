"""What the documentation shows is run."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


async def test_the_python_test_that_application_teams_are_shown() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (DOCS / "application-teams.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(snippet, "application-teams.md", "exec"), names)
    shown = names["test_the_second_text_interrupts_the_first"]
    assert callable(shown)
    await shown()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
