"""Texts: the short ways to a line and to a difference give what the long ways give."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance.transcript.text import difference, one_line

VALUES = st.recursive(
    st.sampled_from([None, True, 1, "", "a", "b c"]), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.text(max_size=100))
def test_a_text_without_spaces_is_shown_like_a_part_of_a_longer_one(text: str) -> None:
    assert f"x {one_line(text)}".rstrip() == one_line(f"x {text}")


@given(VALUES, VALUES)
def test_only_equal_values_have_no_difference(one: Any, other: Any) -> None:
    # A field that is null and one that is not there differ without a text.
    assert one != other or difference(one, other) == ""
    assert difference(one, [one, other]) != ""
