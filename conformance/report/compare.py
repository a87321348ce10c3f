"""The comparison of reports: verdicts side by side, documented freedoms, and the changes between two versions.

`compare` computes a `Comparison`, which is data. The terminal, the Markdown page and the HTML page show it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from conformance.judge.judging import Word
from conformance.report.badges import write_badges
from conformance.report.comparison import FORMAT, VERSION, Cell, Column, Comparison, Freed, Moved, Row
from conformance.report.html.templating import environment, in_table
from conformance.report.load import Unreadable, parse, read_report
from conformance.report.rejudge import changes
from conformance.report.report import JudgedRequirement, Report, Result, write_whole
from conformance.requirements.areas import AREAS
from conformance.transcript.text import one_line
from conformance.transcript.transcript import TargetInfo

WORST_FIRST: tuple[Word, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "WARN", "PASS", "NOT-APPLICABLE")
RED = frozenset({"FAIL", "ERROR", "INCONCLUSIVE", "WARN"})
JUDGED = frozenset({"PASS", "FAIL", "WARN"})


def compare(reports: Sequence[Report], files: Sequence[str]) -> Comparison:
    """Return the reports side by side, in the given order.

    The first and the last are also compared with each other, if both are of one server.
    """
    # Reports may carry different rule books. The last one is usually the newest, so its sentences win.
    rules: dict[str, JudgedRequirement] = {}
    for report in reports:
        rules |= {rule.id: rule for rule in report.rules}
        for result in report.results:
            rules.setdefault(result.requirement, _unknown(result))
    cells = [{key: _cell(report, key) for key in rules} for report in reports]
    rows = tuple(
        Row(id=rule.id, level=rule.level, sentence=rule.sentence, cells=tuple(column[rule.id] for column in cells))
        for rule in sorted(rules.values(), key=_book_order)
    )
    same = _same_server(reports)
    moved = _moved(reports[0], reports[-1]) if same else []
    columns = [_column(*one) for one in zip(reports, files, cells, strict=True)]
    return Comparison(
        columns=tuple(_with_unique_name(column, columns) for column in columns),
        rows=tuple(row for row in rows if any(row.cells)),
        better=tuple(m for m in moved if _badness(m.after) < _badness(m.before)),
        worse=tuple(m for m in moved if _badness(m.after) > _badness(m.before)),
        freed=tuple(_freed(rows)) if same else (),
    )


def _freed(rows: Sequence[Row]) -> Iterator[Freed]:
    for row in rows:
        before, after = row.cells[0], row.cells[-1]
        if before and after and before.freedom and after.freedom and before.freedom != after.freedom:
            yield Freed(id=row.id, before=before.freedom, after=after.freedom)


def _with_unique_name(column: Column, columns: Sequence[Column]) -> Column:
    """Add the profile to the column's name where another column has the same server and version."""
    if sum(other.name == column.name for other in columns) == 1 or column.name.endswith(f", {column.profile}"):
        return column
    return replace(column, name=f"{column.name}, {column.profile or 'no profile'}")


def _same_server(reports: Sequence[Report]) -> bool:
    return len(reports) > 1 and reports[0].target.server == reports[-1].target.server


def _badness(word: Word) -> int:
    """Return how bad a verdict is, for the comparison of two."""
    # INCONCLUSIVE and NOT-APPLICABLE are worse than PASS: the deployment no longer shows, or no longer offers, what it
    # did before. INCONCLUSIVE and ERROR are equal, because neither says anything about the deployment.
    return {"PASS": 0, "NOT-APPLICABLE": 1, "WARN": 2, "INCONCLUSIVE": 3, "ERROR": 3, "FAIL": 4}[word]


def _moved(before: Report, after: Report) -> list[Moved]:
    return [
        Moved(id=change.id, before=change.before.verdict, after=change.after.verdict, reason=change.after.reason)
        for change in changes(before.results, after.results)
        if change.before is not None and change.after is not None
    ]


def _book_order(rule: JudgedRequirement) -> tuple[int, str]:
    # A report of another version may have areas that this version does not know. They come last.
    letters = list(AREAS)
    return (letters.index(rule.area) if rule.area in letters else len(letters)), rule.id


def _unknown(result: Result) -> JudgedRequirement:
    return JudgedRequirement(id=result.requirement, level=result.level, sentence="", sources=(), shown_by=())


def _cell(report: Report, requirement: str) -> Cell | None:
    mine = [result for result in report.results if result.requirement == requirement]
    if not mine:
        return None
    worst = min((result.verdict for result in mine), key=WORST_FIRST.index)
    same = [result for result in mine if result.verdict == worst]
    red = [result for result in mine if result.verdict in RED]
    return Cell(
        verdict=worst,
        count=len(same),
        of=len(mine),
        known=bool(red) and all(result.known is not None for result in red),
        freedom=next((result.freedom for result in mine if result.freedom), None),
    )


def _column(report: Report, file: str, cells: dict[str, Cell | None]) -> Column:
    target = report.target
    judged = [cell for cell in cells.values() if cell and cell.verdict in JUDGED]
    return Column(
        name=_name(target),
        url=target.url,
        profile=target.profile,
        revision=report.suite.revision,
        finished_at=report.finished_at,
        rules=len(report.rules) or len(judged),
        judged=len(judged),
        holds=sum(cell.verdict == "PASS" for cell in judged),
        file=file,
    )


def _name(target: TargetInfo) -> str:
    """Return the server with its version, behind the name that the user gave.

    Without that, a profile of another name states what the server really is.

    A server that is built on another may report the other's name. langhost reports that of langgraph-api.
    """
    name = " ".join(part for part in (target.server, target.version) if part) or target.url
    if target.name:
        return f"{target.name} ({name})"
    if not (target.server and target.profile) or _folded(target.profile).startswith(_folded(target.server)):
        return name
    return f"{name}, {target.profile}"


def _folded(name: str) -> str:
    """Return a name without what people write in several ways, such as `Our Server` and `our-server`."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


# -- output --------------------------------------------------------------------------------------------------------


def in_terminal(found: Comparison) -> Iterator[str]:
    """Yield the comparison as lines of text: the rows in which the deployments differ, or that are broken."""
    for number, column in enumerate(found.columns, 1):
        holds = f"{column.holds} of {column.judged} requirements hold"
        yield f"[{number}] {one_line(column.name)}: {holds} ({one_line(column.file)})"
    yield ""
    yield " " * 14 + "".join(f"[{number}]".ljust(18) for number in range(1, len(found.columns) + 1))
    equal = 0
    for row in found.rows:
        words = {cell.verdict if cell else "" for cell in row.cells}
        if words == {"PASS"} and len({cell.freedom for cell in row.cells if cell}) == 1:
            equal += 1
            continue
        yield (
            f"{one_line(row.id, 13):<14}"
            + "".join(_short(cell).ljust(18) for cell in row.cells)
            + one_line(row.sentence, 90)
        )
    yield f"… and {equal} requirements that hold everywhere"
    for title, moved in (("better", found.better), ("worse", found.worse)):
        if moved:
            yield ""
            yield f"{title}: {len(moved)}"
        for one in moved:
            yield f"  {one_line(one.id)}: {one.before} -> {one.after}" + (
                f": {one_line(one.reason, 200)}" if one.reason else ""
            )
    if found.freed:
        yield ""
        yield f"documented freedoms taken differently: {len(found.freed)}"
    for freed in found.freed:
        yield f"  {one_line(freed.id)}: {one_line(freed.before)} -> {one_line(freed.after)}"


def _short(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    if cell.verdict == "PASS":
        return f"`{one_line(cell.freedom, 13)}`" if cell.freedom else "PASS"
    word = {"INCONCLUSIVE": "OPEN", "NOT-APPLICABLE": "N/A"}.get(cell.verdict, cell.verdict)
    return f"{word} {cell.count}/{cell.of}" + (" known" if cell.known else "")


def in_markdown(found: Comparison) -> str:
    """Return the comparison as a Markdown page."""
    return environment().get_template("compare.md").render(found=found, short=_short, cell=in_table)


def in_html(found: Comparison) -> str:
    """Return the comparison as an HTML page, to which a reader can add their own report."""
    return environment().get_template("compare.html").render(found=found)


# -- the command ---------------------------------------------------------------------------------------------------


class Outputs(msgspec.Struct, frozen=True):
    """The files to which the comparison is written, besides the terminal."""

    html: Path | None = None
    markdown: Path | None = None
    json: Path | None = None
    badges: Path | None = None


def command(paths: Sequence[Path], outputs: Outputs, fail_on: str | None) -> int:
    """Compare reports, print the differences, and write the outputs.

    Return 1 with `--fail-on regressions` when a verdict got worse, and else 0. Raise Unreadable and OSError.
    """
    found = _compared(paths, fail_on) if not _is_comparison(paths) else read_comparison(paths[0])
    for path, text in ((outputs.html, in_html), (outputs.markdown, in_markdown), (outputs.json, in_json)):
        if path is not None:
            write_whole(path, text(found).encode())
    if outputs.badges is not None:
        write_badges(outputs.badges, found)
    for line in in_terminal(found):
        sys.stdout.write(line + "\n")
    return int(fail_on == "regressions" and bool(found.worse))


def _compared(paths: Sequence[Path], fail_on: str | None) -> Comparison:
    files = [file for path in paths for file in _reports(path)]
    reports = [read_report(file) for file in files]
    if fail_on == "regressions" and not _same_server(reports):
        raise Unreadable(
            "--fail-on regressions needs at least two reports of one server; "
            "give the report of its older version first and that of the newer one last"
        )
    return compare(reports, [str(file) for file in files])


def _is_comparison(paths: Sequence[Path]) -> bool:
    """Return whether the one given file was written by `--json`, to be written in another form."""
    # `format` is the first field that `--json` writes. A report is many megabytes, so it is not parsed to find out.
    try:
        return len(paths) == 1 and paths[0].is_file() and b'"doubletext-comparison"' in paths[0].read_bytes()[:200]
    except OSError:
        return False


def read_comparison(path: Path) -> Comparison:
    """Return the comparison that `--json` wrote. Raise Unreadable."""
    return parse(path.read_bytes(), Comparison, FORMAT, VERSION, str(path))


def in_json(found: Comparison) -> str:
    """Return the comparison as JSON text."""
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"


def _reports(path: Path) -> list[Path]:
    """Return the report of a file or folder, or every report below a folder. Raise Unreadable when there is none."""
    if not path.is_dir() or (path / "report.json").exists():
        return [path]
    found = sorted(path.rglob("report.json"))
    if not found:
        raise Unreadable(
            f"{path}: no report.json in this folder; give a folder that --conformance-report=DIR has written"
        )
    return found
