"""The four guides of double texting, played by their own code against the mock and a real server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest
from syrupy.assertion import SnapshotAssertion

from tests.guide import guide as guides
from tests.guide.clients import WITHOUT_CURL, curl_is_missing, fill, json_answers, repaired
from tests.guide.plays import Plays
from tests.guide.printed import curl_conversation, javascript_conversation, python_conversation
from tests.guide.servers import Servers

CONVERSATION = {
    "python": python_conversation,
    "javascript": javascript_conversation,
    "curl": curl_conversation,
}

on_each_server = pytest.mark.parametrize("server", ["mock", pytest.param("langgraph-dev", marks=pytest.mark.reference)])
# The others need npm packages, or curl and jq.
OTHERS = [pytest.param(client, marks=pytest.mark.slow) for client in CONVERSATION if client != "python"]
with_each_client = pytest.mark.parametrize("client", ["python", *OTHERS])
with_each_sdk = pytest.mark.parametrize("client", ["python", pytest.param("javascript", marks=pytest.mark.slow)])
for_each_guide = pytest.mark.parametrize("guide", guides.NAMES)


def require(client: str) -> None:
    """Fail with one line where the machine lacks what a client needs, and skip where a variable allows it."""
    if client != "curl" or (instruction := curl_is_missing()) is None:
        return
    if os.environ.get(WITHOUT_CURL) == "1":
        pytest.skip(f"{WITHOUT_CURL}=1")
    pytest.fail(instruction, pytrace=False)


@on_each_server
@with_each_client
@for_each_guide
def test_the_conversation_is_the_guide_s(
    plays: Plays, server: str, client: str, guide: str, conversation: SnapshotAssertion
) -> None:
    require(client)
    printed = plays.printed(server, client, guide)
    assert CONVERSATION[client](printed.conversation_block) == conversation(name=guide)


@on_each_server
@with_each_sdk
@pytest.mark.parametrize("guide", ["interrupt"])
def test_the_interrupted_run_says_so(plays: Plays, server: str, client: str, guide: str) -> None:
    printed = plays.printed(server, client, guide)
    assert printed.blocks[-1].strip() == guides.read_guide(guide).code("text")[-1].strip().strip("'")


@on_each_server
@with_each_sdk
@pytest.mark.parametrize("guide", ["rollback"])
def test_the_rolled_back_run_is_gone(plays: Plays, server: str, client: str, guide: str) -> None:
    printed = plays.printed(server, client, guide)
    assert printed.blocks[-1] == guides.read_guide(guide).code("text")[-1]


@on_each_server
@with_each_client
@pytest.mark.parametrize("guide", ["reject"])
def test_the_rejected_run_is_reported(plays: Plays, servers: Servers, server: str, client: str, guide: str) -> None:
    require(client)
    printed = plays.printed(server, client, guide)
    if client == "python":
        assert printed.blocks[1].startswith(guides.read_guide(guide).code("text")[0].rstrip("\n"))
    elif client == "javascript":
        assert "Failed to start concurrent run" in printed.errors
        assert "409" in printed.errors
    else:
        # curl ends well on a 409, so the guide's shell code says nothing of its own: the answer speaks.
        accepted, refused = json_answers(printed.blocks[1])
        assert accepted["status"] in ("pending", "running")
        assert set(refused) == {"detail"}


@pytest.mark.slow
@on_each_server
@for_each_guide
def test_the_curl_commands_as_printed_are_clearly_refused(
    servers: Servers, server: str, guide: str, tmp_path: Path
) -> None:
    require("curl")
    url = servers.url(server)
    thread_id = httpx.post(f"{url}/threads", json={}, trust_env=False).json()["thread_id"]
    create = guides.read_guide(guide).code("bash")[2].partition(" && ")[0]
    assert repaired(create) != create
    # Tells the status without a change to the command.
    (tmp_path / ".curlrc").write_text('write-out = "\\n%{http_code}"\nnoproxy = "*"\n', "utf-8")
    placeholders = {"<DEPLOY<ENT_URL>>": url, "<THREAD_ID>": thread_id}
    done = subprocess.run(
        ["bash", "-c", fill(create, placeholders)],
        env={**os.environ, "CURL_HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    answer, _, status = done.stdout.rpartition("\n")
    assert 400 <= int(status) < 500
    (refused,) = json_answers(answer)
    assert "JSON" in refused["detail"]
