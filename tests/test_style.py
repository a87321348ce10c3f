"""The language of docstrings, comments, texts, names and pages, held by budgets that only shrink.

`tests/style.py` has the rules, and `python -m tests.style PACKAGE [RULE ...]` lists where they are broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests import style

BUDGETS: Final[Mapping[str, tuple[int, ...]]] = {
    # word, first-word, verb, semicolon, length, name, comments
    "conformance": (27, 0, 0, 22, 17, 0, 0),
    "mockserver": (6, 0, 0, 42, 5, 0, 0),
    "doubletext": (1, 0, 0, 1, 0, 0, 0),
    "tests": (74, 5, 44, 78, 0, 134, 17),
    "benchmarks": (1, 0, 8, 1, 0, 0, 25),
    "docs": (3, 0, 0, 5, 0, 0, 0),
}
"""How often a package may break each rule. A number never grows: `python -m tests.style --budgets` prints the table.

The last one is the number of comment lines that are missing to 30 in 1000 lines.
"""

LISTED: Final = 40
"""Findings that a failure lists. More are for the command."""


HELP: Final[Mapping[str, str]] = {
    **dict.fromkeys(style.RULES, "rewrite those that you added"),
    style.COMMENTS: "say in comments why the new code does what it does, where that surprises",
}
"""The advice when a budget is exceeded, by rule."""


def complaints(package: str, measured: style.Measured, budgets: Mapping[str, int]) -> list[str]:
    """Return one line for each budget that does not fit, and the findings where it is exceeded."""
    lines = []
    for rule, count in measured.counts.items():
        budget = budgets[rule]
        if count < budget:
            lines.append(f'{package} breaks the rule "{rule}" {count} times: lower its budget from {budget} to {count}')
        if count > budget:
            found = [str(finding) for finding in measured.findings if finding.rule == rule]
            lines.append(f'{package} breaks the rule "{rule}" {count} times, its budget is {budget}: {HELP[rule]}')
            lines += found[:LISTED]
            if len(found) > LISTED:
                lines.append(f"and {len(found) - LISTED} more: `python -m tests.style {package} {rule}` lists all")
    return lines


@pytest.mark.parametrize("package", style.PACKAGES)
def test_the_language_is_within_its_budget(package: str) -> None:
    budgets = dict(zip(style.RULES, BUDGETS[package], strict=True))
    found = complaints(package, style.measure(package), budgets)
    assert not found, "\n" + "\n".join(found)


# -- the guard itself ------------------------------------------------------------------------------------------------


def broken(source: str, file: str = "mockserver/made_up.py") -> list[tuple[str, int]]:
    """Return the rules that a made-up file breaks, with the lines."""
    return [(finding.rule, finding.line) for finding in style.findings_in(file, source)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""A module that tells the status."""', [(style.WORD, 1)]),
        ('"""A module.\n\nA client\nleaves it.\n"""', [(style.WORD, 3)]),
        ("x = 1  # the run stands there\n", [(style.WORD, 1)]),
        ("x = 1  # the run's owner, nobody\n", [(style.WORD, 1)]),
        ('x = "a run that was asked for twice"', [(style.WORD, 1)]),
        ('x = f"the run {x} is told to stop"', [(style.WORD, 1)]),
        ('x = 1\n"""What is counted."""', [(style.FIRST_WORD, 2)]),
        ('def f():\n    """Whether it is so."""', [(style.FIRST_WORD, 2)]),
        ('class C:\n    """Which it is."""', [(style.FIRST_WORD, 2)]),
        ('def f():\n    """The status of a run."""', [(style.VERB, 2)]),
        ('async def f():\n    """Returns the status."""', [(style.VERB, 2)]),
        ('"""One; two."""', [(style.SEMICOLON, 1)]),
        ("x = 1\n# One; two.\n", [(style.SEMICOLON, 2)]),
        ('x = "one is here; two is there"', [(style.SEMICOLON, 1)]),
        (f'"""{"word " * 41}."""', [(style.LENGTH, 1)]),
        ("def is_told() -> None: ...", [(style.NAME, 1)]),
        ("def f(newcomer: str) -> None: ...", [(style.NAME, 1)]),
        ("_desk = 1", [(style.NAME, 1)]),
    ],
)
def test_a_riddle_is_found(source: str, found: list[tuple[str, int]]) -> None:
    assert broken(source) == found


@pytest.mark.parametrize(
    "source",
    [
        '"""A module that returns what `tell` and "the desk is none" stand for."""',
        '"""A stand-in, or None. An understanding that x is None."""',
        'x = "told"  # a word of the API\n',
        "x = '# tells'",
        'class C:\n    """A status."""\n\n    @property\n    def p(self) -> str:\n        """The status of a run."""',
        "@pytest.fixture\ndef f() -> int:\n" + '    """A deployment."""',
        'def f():\n    """Pass the status on. Process it."""',
        'def f():\n    """INT-02: the status of the run."""',
        'x = "text/event-stream; charset=utf-8; q=1"',
        'x = "color: red; margin: 0; padding: 0"',
        "x = 1  # type: ignore[told]\n",
        f'"""{"word " * 30}. {"Word " * 30}."""',
    ],
)
def test_plain_words_and_quotations_pass(source: str) -> None:
    assert broken(source) == []


@pytest.mark.parametrize(
    ("file", "source", "found"),
    [
        ("docs/page.md", "# Page\n\nThe run\nis told.\n", [(style.WORD, 4)]),
        ("docs/page.md", "# Page\n\n```\nThe run is told.\n```\n\nThe run `is told`.\n", []),
        ("docs/page.md", "A [page](tell.md) [says](https://a.test/tell).\n", []),
        (
            "mockserver/x.toml",
            'id = "tell"\nsentence = "A run tells its thread."\n# Told.\n',
            [(style.WORD, 2), (style.WORD, 3)],
        ),
        ("conformance/x.mjs", "// Told by the run.\nconst told = 1; // x\n", [(style.WORD, 1)]),
    ],
)
def test_prose_is_read_in_other_files(file: str, source: str, found: list[tuple[str, int]]) -> None:
    assert broken(source, file) == found


def test_comments_are_counted_without_pragmas_and_strings() -> None:
    source = '# a\nx = "# b"  # c\ny = """\n# d\n"""\nz = (\n    "e"  # f\n    "g"\n)  # noqa: A\n'
    assert [(comment.line, comment.text) for comment in style.comments(source)] == [(1, "a"), (2, "c"), (7, "f")]


def test_a_finding_names_the_place_the_word_and_a_better_one() -> None:
    [finding] = style.findings_in("mockserver/made_up.py", '"""A newcomer."""')
    assert str(finding) == 'mockserver/made_up.py:1: word: "newcomer". Write instead: new run'


def test_a_budget_fits_exactly() -> None:
    found = [style.Finding(style.WORD, "a.py", line, '"told"', "reported") for line in (1, 2)]
    measured = style.Measured(found, {style.WORD: 2})
    assert complaints("doubletext", measured, {style.WORD: 2}) == []
    [lower] = complaints("doubletext", measured, {style.WORD: 5})
    assert lower.endswith("lower its budget from 5 to 2")
    exceeded, *listed = complaints("doubletext", measured, {style.WORD: 1})
    assert 'breaks the rule "word" 2 times, its budget is 1' in exceeded
    assert listed == [str(finding) for finding in found]


def test_generated_pages_are_exempt() -> None:
    pages = {path.name for path in style.files_of("docs")}
    assert "ARCHITECTURE.md" in pages
    assert not pages & style.GENERATED
