"""The summary of a GitHub Actions job, as Markdown in the file that the variable GITHUB_STEP_SUMMARY names.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.judge.judging import WORDS
from conformance.report.report import Report, Result

VARIABLE = "GITHUB_STEP_SUMMARY"
# GitHub rejects a step's summary of more than 1 MiB as a whole, and several deployments may share one.
SHOWN = 30
"""The number of requirements that are listed. The report has all."""


def write_job_summary(reports: Sequence[Report], variables: Mapping[str, str]) -> None:
    """Append the summary of these reports to the job's summary, in GitHub Actions only. Raise OSError."""
    path = variables.get(VARIABLE)
    if path:
        # Appended, because other commands of the same step write to the file, too.
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(job_summary(report) for report in reports)


def job_summary(report: Report) -> str:
    """Return one deployment's verdicts as Markdown, the failures first."""
    broken: dict[str, list[Result]] = {}
    explained = {one for cause in report.causes for one in cause.explains}
    for word in ("FAIL", "ERROR", "INCONCLUSIVE", "WARN"):
        for result in report.results:
            if result.verdict == word and result.known is None and result.requirement not in explained:
                broken.setdefault(result.requirement, []).append(result)
    from conformance.report.html.templating import environment, in_table  # late: importing Jinja is slow

    template = environment().get_template("jobsummary.md")
    return template.render(report=report, broken=broken, words=WORDS, shown=SHOWN, cell=in_table)
