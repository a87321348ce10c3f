from __future__ import annotations

from pathlib import Path

from conformance.requirements import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "requirements.md"


def test_the_page_says_what_the_rule_book_says() -> None:
    assert PAGE.read_text() == page.render(), "run: python -m conformance requirements > docs/reference/requirements.md"
