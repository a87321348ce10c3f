"""The threads that real servers and the mock leave after the guides' four double texts, kept under `fixtures/`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec

from conformance.scenarios.moves import Strategy
from conformance.snapshots import ThreadState, from_transcript, render
from conformance.transcript.transcript import Transcript

FOLDER = Path(__file__).parents[2] / "fixtures" / "thread-states"
STRATEGIES: tuple[str, ...] = get_args(Strategy)


def scenario_of(strategy: str) -> str:
    """Double-text as the guide does: the second run arrives while the first one executes its tool."""
    return f"{strategy}/during-tools/create/unwatched"


def servers() -> list[str]:
    """Return the folders of the recorded servers."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def newest(server: str) -> str:
    """Return the folder of the newest recorded version of a server."""
    versions = [name for name in servers() if name.rpartition("-")[0] == server]
    return max(versions, key=lambda name: [int(part) for part in name.rpartition("-")[2].split(".") if part.isdigit()])


def snapshot(server: str, strategy: str) -> str:
    """Return the state as it was reviewed."""
    return (FOLDER / server / f"{strategy}.thread").read_text("utf-8")


def write(transcript: Transcript, strategy: str) -> Path:
    """Keep what a play left of its thread, and its snapshot, under the server's name and version."""
    state: ThreadState = from_transcript(transcript)
    assert state.server is not None, "the server tells no name"
    path = FOLDER / state.server.replace(" ", "-") / f"{strategy}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
    path.with_suffix(".thread").write_text(render(state), "utf-8")
    return path
