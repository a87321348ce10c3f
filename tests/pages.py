"""The pages of the reference that the code alone decides: `python -m tests.pages` writes those that are not current.

The other pages of `docs/reference` need a server or a long computation. CONTRIBUTING.md has a command for each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from conformance.report import premises_page
from conformance.report.compare import in_markdown, read_comparison
from conformance.requirements import page as requirements_page
from mockserver.control import page as control_page
from mockserver.defects import page as defects_page
from mockserver.deployment import page as deployment_page
from tests.api_coverage import page as coverage_page
from tests.documentation import GENERATED

COMPARISON: Final = Path(__file__).parents[1] / "fixtures" / "reports" / "compatibility.json"
"""Made by: python -m conformance compare build/reference --json fixtures/reports/compatibility.json"""

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "api-coverage": coverage_page.render,
    "compatibility": lambda: in_markdown(read_comparison(COMPARISON)),
    "control-api": control_page.render,
    "defects": defects_page.render,
    "mock-deployment": deployment_page.render,
    "premises": premises_page.render,
    "requirements": requirements_page.render,
}


def place(name: str) -> Path:
    """Return the file of a page."""
    return GENERATED / f"{name}.md"


def main() -> None:
    """Write the pages that differ from what their programs say, and print their names."""
    for name, render in PAGES.items():
        text = render()
        if place(name).read_text("utf-8") != text:
            place(name).write_text(text, "utf-8")
            sys.stdout.write(f"{place(name)}\n")


if __name__ == "__main__":
    main()
