"""`langgraph dev` is started with the probe agent in it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import httpx
import pytest

from tests.reference.langgraph_dev import langgraph_dev
from tests.reference.process import ServerError


def test_a_missing_cli_names_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pytest.raises(ServerError, match=r'pip install "langgraph-cli\[inmem\]'),
        langgraph_dev(workers=1, log=tmp_path / "log"),
    ):
        pass


@pytest.mark.reference
def test_the_probe_agent_is_served(tmp_path: Path) -> None:
    with langgraph_dev(workers=1, log=tmp_path / "server.log") as url:
        graphs = httpx.post(f"{url}/assistants/search", json={}, trust_env=False).json()
        assert [assistant["graph_id"] for assistant in graphs] == ["agent"]
    # A process that is just being ended may still take the connection and reset it.
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/ok", trust_env=False)
