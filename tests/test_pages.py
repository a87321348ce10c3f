"""The pages of `docs/reference` that the code alone decides are current."""

from __future__ import annotations

import pytest

from tests.pages import PAGES, place


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert place(name).read_text("utf-8") == PAGES[name](), "run: python -m tests.pages"
