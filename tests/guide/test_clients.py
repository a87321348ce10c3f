"""The requirements of the guides' clients on the machine, and the behaviour when one is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.guide.clients import WITHOUT_CURL, curl_is_missing, fill, json_answers, repaired
from tests.guide.guide import NAMES, read_guide
from tests.guide.node import node_environment
from tests.guide.test_guides import require


def test_a_machine_without_curl_is_told_what_to_do_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(WITHOUT_CURL, raising=False)
    with pytest.raises(pytest.fail.Exception, match=f"^install bash and curl and jq, or set {WITHOUT_CURL}=1"):
        require("curl")
    assert "\n" not in str(curl_is_missing())


def test_a_machine_may_do_without_curl_when_somebody_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(WITHOUT_CURL, "1")
    with pytest.raises(pytest.skip.Exception, match=f"{WITHOUT_CURL}=1"):
        require("curl")


@pytest.mark.slow
def test_node_comes_from_the_pypi_package_where_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `env`, which npm needs to find Node, is not Node.
    (tmp_path / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = node_environment(modules_for=tmp_path)
    code = "import('@langchain/langgraph-sdk').then(sdk => console.log(typeof sdk.Client))"
    done = subprocess.run(
        ["node", "--eval", code], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "function\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_guide_has_code_for_every_client(name: str) -> None:
    guide = read_guide(name)
    assert len(guide.code("python")) >= 3
    assert len(guide.code("js")) >= 4
    assert len(guide.code("bash")) == 4


def test_a_command_is_repaired_where_its_json_is_invalid() -> None:
    command = '--data "{\n  \\"a\\": \\"what\\\'s up\\",\n}"'
    assert repaired(command) == '--data "{\n  \\"a\\": \\"what\'s up\\"\n}"'


def test_a_placeholder_that_nobody_filled_in_is_noticed() -> None:
    assert fill("curl <URL>/<ID>", {"<URL>": "http://x", "<ID>": "1"}) == "curl http://x/1"
    with pytest.raises(AssertionError, match="<ID>"):
        fill("curl <URL>/<ID>", {"<URL>": "http://x"})


def test_answers_are_read_one_behind_the_other() -> None:
    assert json_answers('{"a": 1}{"b": 2}\n') == [{"a": 1}, {"b": 2}]
    assert json_answers("=== human ===") == []
