// A page with two chats on one thread, as in two tabs. The script drives them through `window.chats`.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Client } from "sdk";
import { useStream } from "sdk/react";

const asked = new URLSearchParams(location.search);
window.chats = {};

/** A client of its own for a chat. Line 1 joins equal reads in flight, of all clients that have no `onRequest`. */
function clientOf(deployment) {
  const reads = asked.get("reads") === "joined" ? {} : { onRequest: (url, init) => init };
  return new Client({ apiUrl: deployment, ...reads });
}

function Chat({ name, threadId, onThreadId }) {
  const [seen, setSeen] = useState({ finished: 0, error: null });
  const [client] = useState(() => clientOf(asked.get("deployment")));
  const stream = useStream({
    client,
    assistantId: "agent",
    threadId,
    onThreadId,
    reconnectOnMount: asked.get("reconnect") === "yes",
    fetchStateHistory: true,
    onFinish: () => setSeen((before) => ({ ...before, finished: before.finished + 1 })),
    onError: (error) => setSeen((before) => ({ ...before, error: String(error.message ?? error) })),
  });
  useEffect(() => {
    window.chats[name] = stream;
  });
  const shown = {
    ...seen,
    loading: stream.isLoading || stream.isThreadLoading,
    said: stream.messages.map((message) => message.type[0].toUpperCase()).join(""),
    last: stream.messages.at(-1)?.content ?? null,
    question: stream.interrupt?.value ?? null,
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
  return (
    <>
      <Chat name="first" threadId={threadId} onThreadId={keep} />
      <Chat name="second" threadId={threadId} onThreadId={keep} />
    </>
  );
}

createRoot(document.getElementById("root")).render(<Page />);
