"""The summary of a GitHub Actions job, in Markdown: written where the variable GITHUB_STEP_SUMMARY says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.judge.judging import WORDS
from conformance.report.report import Report, Result

VARIABLE = "GITHUB_STEP_SUMMARY"
SHOWN = 30
"""Requirements that are listed; GitHub takes a mebibyte, and the report has all."""


def write_job_summary(reports: Sequence[Report], variables: Mapping[str, str]) -> None:
    """Add the summary of these reports to the job's, where there is one; raises OSError."""
    path = variables.get(VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(job_summary(report) for report in reports)


def job_summary(report: Report) -> str:
    """One deployment's verdicts, the failures first, as Markdown."""
    broken: dict[str, list[Result]] = {}
    for word in ("FAIL", "ERROR", "INCONCLUSIVE", "WARN"):
        for result in report.results:
            if result.verdict == word and result.known is None:
                broken.setdefault(result.requirement, []).append(result)
    from conformance.report.html.templating import environment, in_table  # Jinja takes its time to import

    template = environment().get_template("jobsummary.md")
    return template.render(report=report, broken=broken, words=WORDS, shown=SHOWN, cell=in_table)
