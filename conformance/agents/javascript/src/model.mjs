/**
 * A chat model that streams the scripted conversation.
 *
 * The agent could write its messages without a model. But LangGraph's stream mode `messages` is fed by the callbacks of
 * chat models, so only a model makes a server stream tokens.
 */

import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, AIMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";

import { TOOL, replyTo } from "./conversation.mjs";

/**
 * A chat model with the replies of `replyTo`: a tool call in one piece, an answer token by token.
 *
 * It awaits `pause` after every piece. A reader of the stream cannot pause the model, which runs ahead of its reader.
 */
export class ScriptedModel extends BaseChatModel {
  #pause;

  constructor(pause) {
    super({});
    this.#pause = pause;
  }

  _llmType() {
    return "doubletext-scripted";
  }

  async _generate(messages) {
    const whole = piecesOf(messages).reduce((spoken, piece) => spoken.concat(piece));
    const message = new AIMessage({ content: whole.content, tool_calls: whole.tool_calls });
    return { generations: [{ text: message.text, message }] };
  }

  async *_streamResponseChunks(messages, _options, runManager) {
    for (const message of piecesOf(messages)) {
      const chunk = new ChatGenerationChunk({ text: message.text, message });
      // Before the pause: the stream of tokens is fed by this callback, and the step may be held in the pause.
      await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
      await this.#pause();
      yield chunk;
    }
  }
}

/** Return the next message of a conversation in the pieces in which it is streamed, at least one. */
function piecesOf(messages) {
  const { call, tokens } = replyTo(messages);
  if (tokens !== undefined) return tokens.map((token) => new AIMessageChunk({ content: token }));
  const input = { query: call.query };
  return [
    new AIMessageChunk({
      content: [{ id: call.id, input, name: TOOL, type: "tool_use" }],
      tool_call_chunks: [
        { name: TOOL, args: JSON.stringify(input), id: call.id, index: 0, type: "tool_call_chunk" },
      ],
    }),
  ];
}
