"""PostgreSQL and Redis are started for one test, and what is missing is named."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.reference import stores
from tests.reference.process import ServerError, running
from tests.reference.stores import postgres, redis


def connect(url: str) -> None:
    """Connect to the server of a URL. Raise `OSError`."""
    there = urlsplit(url)
    with socket.create_connection((there.hostname, there.port), timeout=5):
        pass


def test_a_missing_postgresql_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(stores, "DEBIAN", tmp_path)
    with pytest.raises(ServerError, match=r"no initdb on PATH.*apt install postgresql"), postgres(log=tmp_path / "log"):
        pass


def test_a_missing_redis_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ServerError, match=r"no redis-server on PATH.*redis-server"), redis(log=tmp_path / "log"):
        pass


def test_the_newest_postgresql_of_debian_is_found_without_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(stores, "DEBIAN", tmp_path)
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert stores._postgres_binaries() == tmp_path / "17" / "bin"


def test_a_server_is_ready_when_its_own_question_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    lines = ["import pathlib, time", f"pathlib.Path({str(mark)!r}).touch()", "time.sleep(60)"]
    script = "\n".join(lines)
    command = [sys.executable, "-c", script]
    with running(command, ready=mark.exists, cwd=tmp_path, log=tmp_path / "log", deadline=30):
        assert mark.exists()


@pytest.mark.vendors
@pytest.mark.parametrize("store", [postgres, redis])
def test_a_store_answers_in_the_block_and_not_after_it(
    store: Callable[..., AbstractContextManager[str]], tmp_path: Path
) -> None:
    with store(log=tmp_path / "log") as url:
        connect(url)
    with pytest.raises(OSError, match="refused"):
        connect(url)
