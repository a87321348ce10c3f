// A page with a chat of `@langchain/react`. The script drives it through `window.chats`.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useStream } from "@langchain/react";

const asked = new URLSearchParams(location.search);
window.chats = {};

function Chat({ name, threadId, onThreadId }) {
  const stream = useStream({
    apiUrl: asked.get("deployment"),
    assistantId: "agent",
    transport: asked.get("transport"),
    threadId,
    onThreadId,
  });
  useEffect(() => {
    window.chats[name] = stream;
  });
  const shown = {
    loading: stream.isLoading || stream.isThreadLoading,
    said: stream.messages.map((message) => message.getType()[0].toUpperCase()).join(""),
    last: stream.messages.at(-1)?.text ?? null,
    tools: stream.toolCalls.map((call) => call.status).join(),
    question: stream.interrupt?.value?.question ?? null,
    error: stream.error ? String(stream.error.message ?? stream.error) : null,
  };
  return <output id={name}>{JSON.stringify(shown)}</output>;
}

function Page() {
  const [threadId, setThreadId] = useState(asked.get("thread"));
  const keep = (id) => {
    asked.set("thread", id);
    history.replaceState(null, "", `?${asked}`);
    setThreadId(id);
  };
  return <Chat name="first" threadId={threadId} onThreadId={keep} />;
}

createRoot(document.getElementById("root")).render(<Page />);
