"""The page on the mutation of the judge gives, for each edit that it samples, the reason written for that edit."""

from __future__ import annotations

from tests.conformance import explained_edits, judge_mutation


def rows() -> dict[tuple[str, str], str]:
    """Return the reasons on the page, by scenario and edit."""
    text = judge_mutation.PAGE.read_text("utf-8").partition("## Edits that are not caught")[2]
    table = text.partition("## Checks that catch no edit")[0].partition("|---|---|---|")[2]
    found = {}
    for line in table.strip().splitlines():
        scenario, edit, why = line.removeprefix("| ").removesuffix(" |").split(" | ")
        found[scenario, edit] = why
    return found


def test_the_reason_of_each_sampled_edit_is_the_one_that_was_written_for_it() -> None:
    written, shown = explained_edits.read(), rows()
    assert len(shown) == judge_mutation.SAMPLE
    assert not [key for key in shown if key not in written], "write a reason into explained_edits.toml"
    assert shown == {key: "Overlooked. " * written[key].overlooked + written[key].why for key in shown}


def test_the_sample_is_drawn_from_the_explained_edits() -> None:
    assert explained_edits.drawn(explained_edits.read(), judge_mutation.SAMPLE) == sorted(rows())


def test_a_sample_loses_one_edit_and_gains_one_when_an_edit_is_caught() -> None:
    edits = [("none/idle/create", f"edit {number}") for number in range(50)]
    before = explained_edits.drawn(edits, 10)
    after = explained_edits.drawn([edit for edit in edits if edit != before[0]], 10)
    assert before != edits[:10]
    assert len(set(before) & set(after)) == 9
