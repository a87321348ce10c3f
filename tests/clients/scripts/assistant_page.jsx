// A page with the LangGraph runtime of assistant-ui, without any of its components. The script drives `window.chats`.
import { useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { Client } from "@langchain/langgraph-sdk";
import { AssistantRuntimeProvider, useAuiState } from "@assistant-ui/react";
import {
  unstable_createLangGraphStream as createStream,
  useLangGraphInterruptState,
  useLangGraphRuntime,
  useLangGraphSend,
  useLangGraphSendCommand,
} from "@assistant-ui/react-langgraph";

const asked = new URLSearchParams(location.search);
const client = new Client({ apiUrl: asked.get("deployment"), callerOptions: { maxRetries: 0 } });
window.chats = {};

function Chat({ runtime, error }) {
  const [send, command] = [useLangGraphSend(), useLangGraphSendCommand()];
  const interrupt = useLangGraphInterruptState();
  const running = useAuiState((state) => state.thread.isRunning);
  const messages = useAuiState((state) => state.thread.messages);
  useEffect(() => {
    window.chats.first = {
      submit: (text, config) => send([{ type: "human", content: text }], { runConfig: config }),
      resume: (answer) => command({ resume: answer }),
      stop: () => runtime.thread.cancelRun(),
    };
  });
  const shown = {
    loading: running,
    said: messages.map((message) => message.role[0].toUpperCase()).join(""),
    last: messages.at(-1)?.content.findLast((part) => part.type === "text")?.text ?? null,
    question: interrupt?.value?.question ?? null,
    error,
  };
  return <output id="first">{JSON.stringify(shown)}</output>;
}

function Page() {
  const [error, setError] = useState(null);
  const stream = useMemo(
    () => createStream({ client, assistantId: "agent", streamMode: ["messages-tuple", "updates"] }),
    [],
  );
  const runtime = useLangGraphRuntime({
    stream,
    unstable_allowCancellation: true,
    create: async () => ({ externalId: asked.get("thread") }),
    eventHandlers: { onError: (told) => setError(JSON.stringify(told)) },
  });
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <Chat runtime={runtime} error={error} />
    </AssistantRuntimeProvider>
  );
}

createRoot(document.getElementById("root")).render(<Page />);
