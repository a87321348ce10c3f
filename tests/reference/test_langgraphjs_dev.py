"""`langgraphjs dev` is installed in its release lines, and started with the probe agent in it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from conformance.judge import profiles
from conformance.session.target import server_of
from conformance.transcript.transcript import TargetInfo
from tests.guide.node import NodeError
from tests.reference import langgraphjs_dev as lines
from tests.reference.langgraphjs_dev import LINES, installed_line, langgraphjs_dev
from tests.reference.process import ServerError


def test_a_line_is_installed_with_what_the_agent_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[Path] = []

    def install(folder: Path) -> str:
        installed.append(folder)
        return "/somewhere"

    monkeypatch.setattr(lines, "INSTALLED", tmp_path)
    monkeypatch.setattr(lines, "install", install)
    assert installed_line("1.5") == (tmp_path / "1.5", "/somewhere")
    assert installed == [tmp_path / "1.5"]
    wanted = json.loads((tmp_path / "1.5" / "package.json").read_text("utf-8"))
    declared = json.loads((lines.PROBE_AGENT / "package.json").read_text("utf-8"))
    assert wanted["dependencies"] == {**declared["dependencies"], lines.CLI: "~1.5.0"}


def test_what_npm_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(folder: Path) -> str:
        raise NodeError("no such package")

    monkeypatch.setattr(lines, "INSTALLED", tmp_path)
    monkeypatch.setattr(lines, "install", install)
    with (
        pytest.raises(ServerError, match=r"langgraphjs 1\.5 cannot be installed: no such package"),
        langgraphjs_dev(line="1.5", workers=1, log=tmp_path / "log"),
    ):
        pass


@pytest.mark.javascript
@pytest.mark.parametrize("line", LINES)
def test_the_probe_agent_is_served_and_the_line_has_its_profile(tmp_path: Path, line: str) -> None:
    with langgraphjs_dev(line=line, workers=1, log=tmp_path / "server.log") as url:
        graphs = httpx.post(f"{url}/assistants/search", json={}, trust_env=False).json()
        assert [assistant["graph_id"] for assistant in graphs] == ["agent"]
        server, version = server_of(httpx.get(f"{url}/info", trust_env=False).json())
    # A process that is just being ended may still take the connection and reset it.
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/ok", trust_env=False)
    target = TargetInfo(url=url, server=server, version=version)
    assert [profile.name for profile in profiles.proposals(target)] == [f"langgraph-js-{line}"]
