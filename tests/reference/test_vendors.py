"""The servers of other vendors are installed apart from each other, and started with the probe agent in them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import httpx
import pytest

from conformance.judge import profiles
from conformance.session.target import server_of
from conformance.transcript.transcript import TargetInfo
from tests.reference import __main__ as command_line
from tests.reference import references, vendors
from tests.reference.process import ServerError
from tests.reference.vendors import PROBE_AGENT, VENDORS, installed, vendor_server

INFO = {"aegra": ("Aegra", "0.11."), "langhost": ("langgraph-api", "0.11.")}
"""The name that each server has in `/info`, and how its version begins. langhost is built on langgraph-api."""


class Pip:
    """A stand-in for pip, which records what it is to install."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = 0, said: str = "") -> None:
        self.commands: list[list[str]] = []
        self._ended = subprocess.CompletedProcess([], code, "", said)
        monkeypatch.setattr(subprocess, "run", self._run)
        monkeypatch.setattr(venv, "create", lambda folder, **_: None)
        monkeypatch.setattr(vendors, "PYTHON", (3, 11))

    def _run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        return self._ended


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_is_installed_with_what_the_agent_declares(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(monkeypatch)
    monkeypatch.setattr(vendors, "INSTALLED", tmp_path)
    assert installed(name) == tmp_path / name / "bin"
    [command] = pip.commands
    declared = tomllib.loads((PROBE_AGENT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert command[0] == str(tmp_path / name / "bin" / "python")
    assert set(command) >= {*VENDORS[name].requirements, *declared}


def test_what_pip_says_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Pip(monkeypatch, 1, "no such package")
    monkeypatch.setattr(vendors, "INSTALLED", tmp_path)
    with (
        pytest.raises(ServerError, match="aegra cannot be installed: no such package"),
        vendor_server(name="aegra", log=tmp_path / "log"),
    ):
        pass


def test_an_old_python_is_named_with_the_environment_that_has_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendors, "PYTHON", (9, 9))
    found = f"{sys.version_info[0]}\\.{sys.version_info[1]}"
    with pytest.raises(ServerError, match=rf"needs Python 9\.9 or newer, and this is {found}.*reference-vendors"):
        installed("aegra")


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_has_a_shipped_profile_which_is_used_whatever_info_says(name: str, tmp_path: Path) -> None:
    assert VENDORS[name].profile in profiles.shipped()
    command = references.suite_command(references.vendor(name), "http://nowhere.invalid", tmp_path, ())
    assert f"--deployment-profile={VENDORS[name].profile}" in command


def test_an_option_for_vendors_is_refused_for_another_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--vendor", "aegra", "--report-dir", str(tmp_path)])
    assert "--vendor is for --server vendors" in capsys.readouterr().err


@pytest.mark.vendors
@pytest.mark.parametrize("name", VENDORS)
def test_the_probe_agent_is_served_by_the_version_of_the_profile(name: str, tmp_path: Path) -> None:
    with vendor_server(name=name, log=tmp_path / "server.log") as url:
        graphs = httpx.post(f"{url}/assistants/search", json={}, trust_env=False).json()
        assert [assistant["graph_id"] for assistant in graphs] == ["agent"]
        server, version = server_of(httpx.get(f"{url}/info", trust_env=False).json())
    # A process that is just being ended may still take the connection and reset it.
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/ok", trust_env=False)
    assert server == INFO[name][0]
    assert version is not None
    assert version.startswith(INFO[name][1])
    target = TargetInfo(url=url, server=server, version=version)
    assert profiles.misfit(profiles.load(VENDORS[name].profile), target) is None
