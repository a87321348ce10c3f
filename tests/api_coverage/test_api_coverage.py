"""The page of the coverage says all that is published, and nothing that is not so."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from mockserver.web.openapi import describe
from mockserver.web.routes import ROUTES
from mockserver.web.routes_system import NOT_OFFERED
from tests.api_coverage import page, published

DOCS = Path(__file__).parents[2] / "docs" / "reference"
TEXT = {"type": "string"}
MOCK = published.names_of(describe(ROUTES))


@cache
def functions_in(file: Path) -> frozenset[str]:
    found = ast.walk(ast.parse(file.read_text()))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_all_that_is_published_is_declared_and_nothing_else() -> None:
    rows = [(row.operation, row.parameter) for row in page.declared()]
    assert sorted(rows) == sorted(page.expected())


def test_every_row_is_backed_by_a_test_that_exists() -> None:
    unbacked = []
    for row in (*page.declared(), *page.beyond()):
        file, name = row.where
        if not file.is_file() or name not in functions_in(file):
            unbacked.append(f"{row.operation} {row.parameter}: there is no {name} in {file}")
    assert unbacked == []


def test_the_mock_takes_what_it_is_declared_to_take() -> None:
    """Against its own description: what the table says is taken is in it, and what is refused whole is not."""
    for row in page.declared():
        taken = MOCK.get(row.operation)
        if row.effect == "refused" and not row.parameter:
            path = row.operation.partition(" ")[2].rstrip("/")
            assert (taken, path in NOT_OFFERED) == (None, True), row
        elif not row.parameter:
            assert taken is not None, row
        elif row.effect != "refused":
            assert taken is not None
            assert row.parameter in {name for names in taken.values() for name in names}, row


def test_the_facts_are_read_from_a_description() -> None:
    document = {
        "paths": {
            "/x/{id}": {
                "post": {
                    "parameters": [{"in": "path", "name": "id"}, {"in": "query", "name": "q"}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Many"}}}},
                }
            }
        },
        "components": {
            "schemas": {
                "Many": {"type": "array", "items": {"anyOf": [{"properties": {"b": {}}}, {"properties": {"a": TEXT}}]}}
            }
        },
    }
    assert published.names_of(document) == {"POST /x/{id}": {"query": ["q"], "body": ["a", "b"], "nullable": ["b"]}}
