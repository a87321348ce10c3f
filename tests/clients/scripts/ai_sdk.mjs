// The transport with which `useChat` of Vercel's AI SDK uses a deployment, on two graphs: what a chat page gets.
import { LangSmithDeploymentTransport } from "@ai-sdk/langchain";
import { readUIMessageStream } from "ai";
import { report } from "./play.mjs";

const asking = [{ id: "u1", role: "user", parts: [{ type: "text", text: "What does it cost?" }] }];

async function send(graphId) {
  const transport = new LangSmithDeploymentTransport({ url: process.env.DEPLOYMENT_URL, graphId });
  const stream = await transport.sendMessages({ chatId: "c1", messages: asking, trigger: "submit-message" });
  const [chunks, shown] = stream.tee();
  const kinds = new Set();
  const errors = [];
  for await (const chunk of chunks) {
    kinds.add(chunk.type);
    if (chunk.type === "error") errors.push(JSON.parse(chunk.errorText));
  }
  let page;
  for await (const message of readUIMessageStream({ stream: shown })) page = message;
  const parts = page.parts.filter((part) => part.type !== "step-start");
  const seen = parts.map(({ type, text, toolName, state, output }) => [type, text ?? toolName, state, output ?? null]);
  return { kinds: [...kinds].sort(), questions: errors.flat().map((one) => one.value), parts: seen };
}

report({ asked: await send("coordinator"), answered: await send("researcher") });
