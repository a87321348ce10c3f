"""The style of docstrings, comments and pages, held by counts that may only shrink.

The rules are those of CONTRIBUTING.md. A text that breaks a rule on purpose, because it quotes the API for instance,
puts the words in backticks or in double quotes, which are not read.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("conformance", "mockserver", "doubletext", "tests", "benchmarks")
PAGES: Final = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "CHANGELOG.md", "docs/**/*.md"),
)
GENERATED: Final = ("docs/reference/",)
"""Folders of pages that are made from other texts, which are read where they stand."""

WORDS: Final[Mapping[str, str]] = {
    r"tells?|telling|told": "return, report, emit, send or show",
    r"befalls?|befell|befallen": "affect or happen to",
    r"anew": "again, or from the beginning",
    r"newcomers?": "new run, or new user",
    r"meddl\w+": "intercept or change",
    r"deeds?": "action or move",
    r"manners": "behaviour",
    r"whoever|whosoever": "the client, the run, ... that",
    r"in vain": "without success, or timed out",
    r"asked for": "created, requested or selected",
    r"stands? (there|still|beside|between)": "is, waits or is listed",
}
"""By pattern: what to write instead."""

NOT_A_NOUN: Final = frozenset({"What", "How", "Who", "Whether", "Those", "Whoever"})
"""Words with which no docstring begins."""

NOT_A_VERB: Final = NOT_A_NOUN | {"The", "A", "An", "That", "Everything"}
"""Words with which the docstring of a function does not begin."""

BUDGETS: Final[Mapping[tuple[str, str], int]] = {}
"""By package and rule: how many places break the rule today. What is not listed is none."""

COMMENTS: Final = 3.0
"""Percent of the lines of a package that are comments, at least: reasons for orders, numbers, tolerances, surprises."""


class Place(NamedTuple):
    """A text that breaks a rule."""

    file: str
    line: int
    advice: str


class Docstring(NamedTuple):
    """A docstring, or the text behind an assignment, with its file and first line."""

    file: str
    line: int
    text: str
    of_function: bool


def sources(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


@cache
def docstrings(package: str) -> tuple[Docstring, ...]:
    return tuple(found for path in sources(package) for found in _docstrings(path))


def _docstrings(path: Path) -> Iterator[Docstring]:
    name = str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(path.read_text())):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for before, statement in zip([None, *body], body, strict=False):
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                continue
            text = statement.value.value
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_noun(node)
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            first = before is None and documented
            if isinstance(text, str) and (first or isinstance(before, ast.Assign | ast.AnnAssign)):
                of_function = first and is_function
                yield Docstring(name, statement.lineno, text, of_function)


def _is_noun(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is read as a thing: a property or a fixture."""
    names = {ast.unparse(one).partition("(")[0] for one in function.decorator_list}
    return bool(names & {"property", "cached_property", "pytest.fixture"})


@cache
def comments(package: str) -> tuple[Docstring, ...]:
    return tuple(
        Docstring(str(path.relative_to(ROOT)), token.start[0], token.string, of_function=False)
        for path in sources(package)
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT
    )


def plain(text: str) -> str:
    """Return a text without what it quotes: code, and words in double quotes. Lines stay lines."""
    text = re.sub(r"^```.*?^```", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\"[^\"\n]*\"", lambda found: "\n" * found[0].count("\n"), text)


def words(texts: Sequence[Docstring]) -> Iterator[Place]:
    for one in texts:
        for pattern, instead in WORDS.items():
            for found in re.finditer(rf"\b(?:{pattern})\b", plain(one.text), re.IGNORECASE):
                line = one.line + plain(one.text)[: found.start()].count("\n")
                yield Place(one.file, line, f"`{found[0]}`: write {instead}")


def semicolons(package: str) -> Iterator[Place]:
    for one in docstrings(package):
        if ";" in plain(one.text):
            yield Place(one.file, one.line, "a semicolon: write two sentences")


def first_words(package: str) -> Iterator[Place]:
    for one in docstrings(package):
        first = (one.text.split() or [""])[0].strip("`\"'*,:")
        if one.of_function and first in NOT_A_VERB:
            yield Place(one.file, one.line, f"begins with `{first}`: begin with a verb, such as Return or Send")
        elif first in NOT_A_NOUN:
            yield Place(one.file, one.line, f"begins with `{first}`: begin with a noun")


def pages() -> list[Docstring]:
    found = [(path, str(path.relative_to(ROOT))) for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    return [
        Docstring(name, 1, path.read_text(), of_function=False)
        for path, name in found
        if not name.startswith(GENERATED)
    ]


def broken(package: str, rule: str) -> list[Place]:
    match rule:
        case "words" if package == "pages":
            return list(words(pages()))
        case "words":
            return list(words([*docstrings(package), *comments(package)]))
        case "semicolons":
            return list(semicolons(package))
        case _:
            return list(first_words(package))


RULES: Final = ("words", "semicolons", "first words")


@pytest.mark.parametrize(
    ("package", "rule"), [*((package, rule) for package in PACKAGES for rule in RULES), ("pages", "words")]
)
def test_a_rule_is_broken_no_more_often_than_before(package: str, rule: str) -> None:
    found, budget = broken(package, rule), BUDGETS.get((package, rule), 0)
    shown = "\n".join(f"{place.file}:{place.line}: {place.advice}" for place in found[:40])
    assert len(found) <= budget, f"{len(found)} places break the rule, {budget} are allowed:\n{shown}"
    assert len(found) == budget, f"lower the budget of {(package, rule)} to {len(found)}"


@pytest.mark.parametrize("package", ["conformance", "mockserver"])
def test_enough_lines_are_reasons(package: str) -> None:
    lines = sum(path.read_text().count("\n") for path in sources(package))
    share = 100 * len(comments(package)) / lines
    assert share >= COMMENTS, f"{share:.2f} % of the lines are comments, at least {COMMENTS} % give a reason"
