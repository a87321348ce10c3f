"""The console command `doubletext`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.__main__ import add_commands
from doubletext import __version__
from doubletext.__main__ import MOCK, main
from doubletext.command_line import CommandParser
from tests import forks
from tests.mockserver.witness import DEADLINE

CHECKOUT = Path(__file__).parents[1]


def test_the_help_has_a_line_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    known = CommandParser().add_subparsers()
    add_commands(known)
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = dict(re.findall(r"^    ([\w-]+) +(\S.*)$", capsys.readouterr().out, re.MULTILINE))
    assert list(listed) == [*MOCK, *known.choices]
    assert {"mock", "mock-schema", "defects", "record", "judge", "compare", "profile"} <= listed.keys()


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"doubletext {__version__}\n"


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (("requirements",), ("conformance", "requirements")),
        (("defects",), ("mockserver", "defects")),
        (("mock-schema",), ("mockserver", "schema")),
        (("mock", "defects"), ("mockserver", "defects")),
    ],
)
def test_a_command_does_what_the_module_does(command: tuple[str, ...], module: tuple[str, ...]) -> None:
    done = [
        forks.run([sys.executable, "-m", *line], cwd=CHECKOUT, env=os.environ, timeout=DEADLINE)
        for line in (("doubletext", *command), module)
    ]
    assert [one.returncode for one in done] == [0, 0]
    assert done[0].stdout == done[1].stdout != ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("judge", "absent"), 2, "doubletext judge: absent: "),
        (("compare", "absent"), 2, "doubletext compare: absent"),
        (("profile", "--from", "absent"), 2, "doubletext profile: absent"),
        (("mock", "--defect", "gost_run"), 2, "doubletext mock: --defect: there is no defect `gost_run`"),
        (("record", "--from", "http://127.0.0.1:9", "--thread", "x"), 1, "doubletext record: http://127.0.0.1:9/"),
    ],
)
def test_an_error_names_the_command(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert main(arguments) == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "doubletext: error: "),
        (("nonsense",), "doubletext: error: "),
        (("judge",), "doubletext judge: error: "),
        (("mock", "--port", "x"), "doubletext mock: error: "),
        (("record",), "doubletext record: error: "),
        (("mock", "record"), "doubletext mock record: error: "),
        (("defects", "--port", "1"), "doubletext defects: error: "),
    ],
)
def test_arguments_that_cannot_be_parsed_are_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    # `mock` shows the error alone, the other commands the usage before it.
    assert f"\n{said}" in f"\n{capsys.readouterr().err}"


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "doubletext", "mock-schema"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_the_mock_starts_without_pytest_and_without_the_suite() -> None:
    code = (
        "import sys\n"
        "from doubletext.__main__ import main\n"
        "try:\n"
        "    main(['mock', '--help'])\n"
        "finally:\n"
        "    assert not {'pytest', 'conformance', 'aiohttp'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: doubletext mock ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("moc",), "there is no command `moc`. Did you mean `mock`? The commands are mock, mock-schema, defects"),
        (("shwo", "INT-02"), "Did you mean `show`?"),
        (("serve",), "there is no command `serve`. Did you mean `mock`?"),
        (("mock", "--log-level", "verbose"), "Did you mean debug?"),
        ((), "name a command: mock, mock-schema"),
        (
            ("explore", "--profile", "x"),
            "no option `--profile`. Did you mean `--deployment-profile`? See doubletext ex",
        ),
        (("explore", "--seeed=4"), "there is no option `--seeed`. Did you mean `--seed`?"),
        (("judge", "x", "--bogus"), "there is no option `--bogus`. See doubletext judge --help"),
        (("mock", "--profile", "x"), "there is no option `--profile`. The options are --help, --host"),
    ],
)
def test_a_wrong_command_is_one_line_with_the_right_one(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr().err
    assert (ended.value.code, says in shown, len(shown.splitlines())) == (2, True, 1), shown
