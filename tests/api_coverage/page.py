"""The page `docs/reference/api-coverage.md`: what the mock does with each published operation and parameter."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tests.api_coverage import published

TABLE: Final = Path(__file__).with_name("table.toml")
TESTS: Final = Path(__file__).parents[1]

Effect = Literal["behaves", "accepted without effect", "refused"]
EFFECTS: Final[dict[str, Effect]] = {"accepted": "accepted without effect", "refused": "refused"}

HEAD = """# What the mock covers of the API

Made by `python -m tests.api_coverage`; do not edit. The data is `tests/api_coverage/table.toml`.

Every path, method and parameter that {server} was seen to publish on {seen}.
Each *behaves*; or is *accepted without effect*, with the reason; or is *refused*, with a clear error. What is not
listed has no effect; it is ignored, as by that server, and a finding of `conduct()`, or `strict` refuses it. Each row
is backed by a test, and `GET /openapi.json` of the mock is held against the table.

Of {total} rows {behaves} behave, {accepted} are accepted without effect, and {refused} are refused."""


@dataclass(frozen=True, slots=True)
class Row:
    """The mock's treatment of an operation, or of one of its parameters."""

    operation: str
    parameter: str
    """Empty for the operation itself."""
    effect: Effect
    why: str
    test: str

    @property
    def where(self) -> tuple[Path, str]:
        """Return the file of the test for it, and the test function."""
        file, _, name = self.test.partition("::")
        folder, _, module = f"mockserver/{file}".rpartition("/") if "/" not in file else file.rpartition("/")
        return TESTS / folder / f"test_{module}.py", f"test_{name}"


def table() -> dict[str, Any]:
    """Return the declarations."""
    return tomllib.loads(TABLE.read_text())


def declared() -> list[Row]:
    """Return the declared rows of all operations."""
    known = table()
    rows = []
    for operation, entry in known["operations"].items():
        own = dict(entry)
        use, test = own.pop("use", []), own.pop("test")
        effect, why = _effect({name: own.pop(name) for name in EFFECTS if name in own})
        rows.append(Row(operation, "", effect, why, test))
        parameters: dict[str, Any] = {}
        for group in use:
            parameters |= known["groups"][group]
        rows += [_row(operation, name, backed) for name, backed in sorted((parameters | own).items())]
    return rows


def beyond() -> list[Row]:
    """Return the rows of what clients send and no description publishes."""
    return [Row(entry["what"], "", *_effect(entry), entry["test"]) for entry in table()["beyond"]]


def expected() -> Iterator[tuple[str, str]]:
    """Return every operation and parameter that must be declared.

    A rejected operation needs no rows for its parameters.
    """
    refused = {row.operation for row in declared() if row.effect == "refused" and not row.parameter}
    for operation, places in published.operations().items():
        yield operation, ""
        if operation not in refused:
            yield from ((operation, name) for place in published.PLACES for name in places.get(place, ()))


def render() -> str:
    """Return the whole page as Markdown."""
    facts, rows = published.load(), declared()
    counted = Counter(row.effect for row in rows)
    lines = [
        HEAD.format(
            server=facts["server"],
            seen=facts["seen"],
            total=len(rows),
            behaves=counted["behaves"],
            accepted=counted["accepted without effect"],
            refused=counted["refused"],
        )
    ]
    for row in rows:
        if not row.parameter:
            lines += [f"\n## {row.operation}\n", "| | | | backed by |", "| --- | --- | --- | --- |"]
        lines.append(_line(f"`{row.parameter}`" if row.parameter else "", row))
    lines += ["\n## What clients send that is not published\n", "| | | | backed by |", "| --- | --- | --- | --- |"]
    lines += [_line(row.operation, row) for row in beyond()]
    return "\n".join(lines) + "\n"


def _line(name: str, row: Row) -> str:
    file, test = row.where
    link = f"[`{test}`](../../{file.relative_to(TESTS.parent)})"
    return f"| {name} | *{row.effect}* | {row.why} | {link} |"


def _row(operation: str, name: str, backed: str | dict[str, str]) -> Row:
    if isinstance(backed, str):
        return Row(operation, name, "behaves", "", backed)
    return Row(operation, name, *_effect(backed), backed["test"])


def _effect(entry: dict[str, str]) -> tuple[Effect, str]:
    """Return the declaration of an entry, and its reason."""
    return next(((effect, entry[key]) for key, effect in EFFECTS.items() if key in entry), ("behaves", ""))
