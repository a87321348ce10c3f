"""Invalid options: one clear line and exit code 4, which quotes nothing that may be secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.runs import run_suite

NO_URL = "is not of the form http://HOST:PORT or https://HOST/PREFIX"

BAD: list[tuple[str, str]] = [
    ("--deployment-url=localhost:2024", f"--deployment-url: `localhost:2024` {NO_URL}"),
    ("--deployment-url=ftp://jane:hunter2@host", f"--deployment-url: `host` {NO_URL}"),
    ("--deployment-url=http://jane:hunt/er2@host", f"--deployment-url: `host` {NO_URL}"),
    ("--deployment-url=http://", f"--deployment-url: `http://` {NO_URL}"),
    ("--deployment-url=http://host:99999", f"--deployment-url: `http://host:99999` {NO_URL}"),
    ("--deployment-url=http://ho st", f"--deployment-url: `http://ho st` {NO_URL}"),
    ("--deployment-url=http://[::1", f"--deployment-url: `http://[::1` {NO_URL}"),
    (
        "--deployment-url=http://host/?token=hunter2",
        "--deployment-url: `http://host/` has a query or a fragment, to which no path can be appended; "
        "send a token with --deployment-header='NAME: VALUE'",
    ),
    (
        "--deployment-url=our server=http://host:2024",
        "--deployment-url: `our server` is no name for a deployment. A name has letters, digits, `.`, `_` and `-`, and "
        "begins with a letter or a digit",
    ),
    ("--deployment-url=ours=host:2024", f"--deployment-url: `ours=host:2024` {NO_URL}"),
    ("--deployment-assistant=", "--deployment-assistant: the name is empty"),
    ("--deployment-header=hunter2", "--deployment-header: a header is not of the form 'Name: value'"),
    ("--deployment-header=X Key: hunter2", "--deployment-header: a header is not of the form 'Name: value'"),
    ("--deployment-header=X-Key:", "--deployment-header: the header X-Key has no value"),
    (
        "--deployment-header=X-Key: hunter2\nX-Other: 1",
        "--deployment-header: the value of X-Key has characters that are not allowed in a header",
    ),
    (
        "--deployment-header=X-Key: hunter2é",
        "--deployment-header: the value of X-Key has characters that are not allowed in a header",
    ),
    ("--deployment-profile=nobody", "--deployment-profile: no profile `nobody`: it is neither a file nor one of "),
    ("--deployment-profile=absent.toml", "--deployment-profile: absent.toml: cannot be read: "),
    ("--conformance-report=taken", "/taken cannot be created: File exists"),
    ("--conformance-deadline-scale=0", "--conformance-deadline-scale: 0 is not above 0 and at most 1000"),
    ("--conformance-deadline-scale=nan", "--conformance-deadline-scale: nan is not above 0 and at most 1000"),
    ("--conformance-deadline-scale=fast", "argument --conformance-deadline-scale: invalid float value: 'fast'"),
    ("--conformance-explore=0", "--conformance-explore: 0 is not above 0 and at most 86400 seconds"),
    ("--conformance-explore=nan", "--conformance-explore: nan is not above 0 and at most 86400 seconds"),
    ("--conformance-explore=1m", "argument --conformance-explore: invalid float value: '1m'"),
    ("--conformance-jobs=0", "--conformance-jobs: 0 is neither `auto` nor between 1 and 1000"),
    ("--conformance-jobs=many", "--conformance-jobs: many is neither `auto` nor between 1 and 1000"),
    (
        "--conformance-witness-host=http://me",
        "--conformance-witness-host: `http://me` is neither a host name nor an IP address",
    ),
]

UNRELATED = "def test_unrelated(): pass"


@pytest.mark.parametrize(("option", "error"), BAD, ids=[option for option, _ in BAD])
def test_a_bad_option_is_one_line_and_exit_code_4(pytester: pytest.Pytester, option: str, error: str) -> None:
    pytester.makepyfile(UNRELATED)
    (pytester.path / "taken").write_text("")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [error in line for line in result.errlines].count(True) == 1, result.errlines
    shown = "\n".join(result.errlines + result.outlines)
    assert "Traceback" not in shown
    # The passwords of the options above: an invalid option may be a valid secret.
    assert "hunter2" not in shown
    assert "hunt/er2" not in shown


async def test_a_bad_line_in_the_environment_is_one_line_and_exit_code_4(tmp_path: Path) -> None:
    run = await run_suite("-q", env={"DOUBLETEXT_DEPLOYMENT_HEADERS": "X-Good: 1\nhunter2\n"})
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.output.strip() == "ERROR: DOUBLETEXT_DEPLOYMENT_HEADERS: a header is not of the form 'Name: value'"


async def test_a_bad_option_is_reported_once_by_distributed_runs() -> None:
    run = await run_suite("-q", "-n", "2", "--conformance-jobs=0")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert run.output.strip() == "ERROR: --conformance-jobs: 0 is neither `auto` nor between 1 and 1000"
