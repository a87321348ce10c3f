"""A chat model that streams the scripted conversation.

The agent could write its messages without a model. But LangGraph's stream mode `messages` is fed by the callbacks of
chat models, so only a model makes a server stream tokens.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from .conversation import TOOL, Call, reply_to


class ScriptedModel(BaseChatModel):
    """A chat model with the replies of `conversation.reply_to`: a tool call in one piece, an answer token by token."""

    @property
    def _llm_type(self) -> str:
        return "doubletext-scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - the base class's signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        chunks = _chunks(messages)
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole = whole + chunk
        return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(whole))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> AsyncIterator[ChatGenerationChunk]:
        for message in _chunks(messages):
            chunk = ChatGenerationChunk(message=message)
            # Before the yield: the stream of tokens is fed by this callback, and the agent may be held after the yield.
            if run_manager is not None:
                await run_manager.on_llm_new_token(str(message.text), chunk=chunk)
            yield chunk


def _chunks(messages: list[BaseMessage]) -> list[AIMessageChunk]:
    """Return the next message of a conversation in the pieces in which it is streamed, at least one."""
    reply = reply_to(messages)
    if isinstance(reply, Call):
        arguments = {"query": reply.query}
        block = {"id": reply.call_id, "input": arguments, "name": TOOL, "type": "tool_use"}
        call = tool_call_chunk(name=TOOL, args=json.dumps(arguments), id=reply.call_id, index=0)
        return [AIMessageChunk(content=[block], tool_call_chunks=[call], chunk_position="last")]
    chunks = [AIMessageChunk(content=token) for token in reply.tokens]
    # Marked as the last, because langchain-core would otherwise append an empty chunk, which is not a token.
    chunks[-1].chunk_position = "last"
    return chunks
