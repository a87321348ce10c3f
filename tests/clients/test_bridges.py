"""Bridges from a deployment to other interfaces, played on the application of three graphs.

Each is npm's `latest`, with npm's `latest` of the SDK: AG-UI's agent for LangGraph, RemoteGraph of LangGraph.js, and
the handlers with which a Next.js application passes requests on. Then come the transport of Vercel's AI SDK, the tools
with which a deep agent works in the background, and a UI client of others.
"""

from __future__ import annotations

import pytest

from tests.clients.javascript import Node

pytestmark = [pytest.mark.slow]

ASKED = {"action": "send_mail", "args": {"text": "It costs seven."}}


def test_the_agent_of_ag_ui(bridges_node: Node, application: str) -> None:
    found = bridges_node.play("ag_ui", "current", application)
    asked, approved = found["asked"], found["approved"]
    # `langgraph dev` gives AG-UI the same steps, messages and question.
    assert asked["steps"] == ["model", "tools", "model", "tools", "model", "tools", "model", "approval"]
    assert asked["said"] == [
        ["assistant", "", ["task"]],
        ["tool", "It costs seven.", []],
        ["assistant", "", ["send_mail"]],
    ]
    assert asked["question"] == ASKED
    assert {"RUN_FINISHED", "TOOL_CALL_START", "TOOL_CALL_END", "TEXT_MESSAGE_CONTENT"} <= set(asked["kinds"])
    assert "RUN_ERROR" not in asked["kinds"] + approved["kinds"]
    assert approved["steps"] == ["approval", "model"]
    assert sorted(text for _, text, _ in approved["said"]) == ["I have sent the price.", "sent"]


def test_remote_graph(bridges_node: Node, application: str) -> None:
    assert bridges_node.play("remote_graph", "current", application) == {
        "inside": "sevenIt costs seven.",
        "outside": "It costs seven.",
        "asked": ["send_mail"],
        "next": [["approval"], [1]],
        "said": ["What does it cost?", "", "It costs seven.", "", "sent", "I have sent the price."],
        "history": [[], ["model"], ["approval"], ["model"], ["tools"], ["model"], ["__start__"]],
        "drawn": [
            *("__end__", "__start__", "approval", "model"),
            *("tools:__end__", "tools:__start__", "tools:model", "tools:tools"),
        ],
        "notes": ["searched", "by hand"],
    }


def test_the_handlers_of_a_next_application(bridges_node: Node, application: str) -> None:
    assert bridges_node.play("passthrough", "current", application) == {
        "events": [
            *("metadata", "values", "messages", "values", "values|tools", "messages|tools", "values|tools"),
            *("messages|tools", "values|tools", "messages|tools", "values|tools", "messages", "values", "messages"),
            "values",
        ],
        "created": True,
        "next": ["approval"],
        "last": "I have sent the price.",
        "missing": 404,
    }


def test_the_transport_of_the_ai_sdk(bridges_node: Node, application: str) -> None:
    found = bridges_node.play("ai_sdk", "current", application)
    asked, answered = found["asked"], found["answered"]
    # `langgraph dev` gives a chat page the same parts. The transport shows a question as an error.
    assert asked["questions"] == [ASKED]
    assert asked["parts"] == [
        ["dynamic-tool", "task", "output-available", "It costs seven."],
        ["dynamic-tool", "send_mail", "input-streaming", None],
    ]
    assert answered["questions"] == []
    assert answered["parts"] == [
        ["dynamic-tool", "search", "output-available", "seven"],
        ["text", "It costs seven.", "done", None],
    ]
    assert {"text-start", "text-delta", "text-end", "finish"} <= set(answered["kinds"])


def test_the_background_tasks_of_a_deep_agent(bridges_node: Node, application: str) -> None:
    found = bridges_node.play("async_tasks", "current", application)
    answered = {"status": "success", "result": "It costs seven."}
    # `langgraph dev` gives the model the same texts, but for that of the cancel that is too late.
    assert found["started"] == ["Launched async subagent. taskId: ID", answered]
    assert found["more"] == ["Updated async subagent. taskId: ID", answered]
    assert found["late"].startswith("Failed to cancel run: Error: HTTP 404")
    # An update interrupts the run of the task, and its thread keeps what that run has said.
    assert found["updated"] == {
        "running": "running",
        "last": answered,
        "said": "HAHATA",
        "runs": ["interrupted", "success"],
    }
    assert found["cancelled"] == ["Cancelled async subagent task: ID", "interrupted", "cancelled"]
    # A task that waits for a human has no answer yet.
    assert found["asked"] == {"status": "success", "result": ""}
    assert found["missing"].startswith("Failed to launch async subagent 'missing': Error: HTTP 4")
    assert found["listed"].splitlines() == [
        "4 tracked task(s):",
        *["- agent: researcher status: success"] * 2,
        "- agent: researcher status: cancelled",
        "- agent: coordinator status: success",
    ]


def test_a_ui_client_of_others(bridges_node: Node, application: str) -> None:
    found = bridges_node.play("langgraph_js", "current", application)
    answered = ["values", "messages/partial"]
    # `langgraph dev` gives the chat the same events and messages.
    assert found["asked"] == {
        "events": ["thread/create", "start", *answered * 3, "values", "done"],
        "messages": [["human", "What does it cost?", []], ["tool", "It costs seven.", []], ["tool", "", []]],
        "notes": ["searched"],
    }
    assert found["approved"] == {
        "events": ["start", *answered, "values", "done"],
        "messages": [["tool", "sent", []], ["ai", "I have sent the price.", []]],
    }
    assert (found["reopened"], found["listed"]) == (True, True)
    assert found["joined"] == {
        "status": "success",
        "last": "done",
        "seen": "done",
        "messages": ["ai", "It costs seven.", []],
    }
    assert found["stopped"] == {"status": "interrupted", "last": "done", "seen": "done"}
