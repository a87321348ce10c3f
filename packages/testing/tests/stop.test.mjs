// @vitest-environment jsdom
// The requests of `useStream().stop()` in three lines of the SDK, and what becomes of the run.
import { act, cleanup, render, waitFor } from "@testing-library/react";
import { createElement } from "react";
import { useStream as line1 } from "@langchain/langgraph-sdk/react";
import { useStream as line0 } from "langgraph-sdk-0/react";
import { useStream as line2 } from "langgraph-sdk-2/react";
import { afterEach } from "vitest";
import { expect, test } from "doubletext-testing/vitest";

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

const said = { messages: [{ type: "human", content: "what's the weather in sf?" }] };
const CANCEL = { path: "/cancel", wait: "0", action: "interrupt" };

for (const [line, useStream] of Object.entries({ "0.1": line0, 1.15: line1, "2.0": line2 })) {
  // The options of the hook and of submit, the `on_disconnect` that is sent, whether stop sends a cancel, and the end.
  test.for([
    [{}, {}, "cancel", false, true],
    [{ reconnectOnMount: true }, {}, "continue", true, true],
    [{}, { streamResumable: true }, "continue", false, false],
    [{}, { onDisconnect: "continue" }, "continue", false, false],
  ])(`stop() of ${line} with %j and %j`, async ([options, order, disconnected, cancels, ends], { mock }) => {
    await mock.hold("agent:2/token");
    let stream;
    function Page() {
      stream = useStream({ apiUrl: mock.url, assistantId: "agent", ...options });
      return createElement("p", null, stream.messages.length);
    }
    render(createElement(Page));
    await act(async () => void stream.submit(said, order));
    const { thread_id, run_id } = await mock.waitUntilHeld("agent:2/token");
    await waitFor(() => expect(stream.messages).toHaveLength(4));
    await act(async () => void (await stream.stop()));
    const created = await mock.assertRequested("POST", "*/runs/stream");
    expect(created.body.on_disconnect).toBe(disconnected);
    if (cancels) {
      const { path, query } = await mock.waitForRequest("POST", "*/cancel");
      expect({ path: path.slice(-7), ...query }).toEqual(CANCEL);
    }
    await mock.waitForRequest("POST", "*/runs/stream", { having: { cut: true } });
    await mock.assertRequested("POST", "*/runs/stream", { times: 1 });
    if (!cancels) await mock.assertNotRequested("POST", "*/cancel");
    if (ends) await mock.waitForStatus("interrupted", thread_id, run_id);
    else {
      await mock.release();
      await mock.waitForStatus("success", thread_id, run_id);
    }
  });
}

test("a run that a stop button leaves to itself is a mistake of the application", async ({ mock }) => {
  await mock.hold("agent:2/token");
  let stream;
  function Page() {
    stream = line1({ apiUrl: mock.url, assistantId: "agent" });
    return null;
  }
  render(createElement(Page));
  await act(async () => void stream.submit(said, { streamResumable: true }));
  const { thread_id } = await mock.waitUntilHeld("agent:2/token");
  await act(async () => void (await stream.stop()));
  await mock.waitForRequest("POST", "*/runs/stream", { having: { cut: true } });
  await mock.release();
  await mock.waitForStatus("idle", thread_id);
  expect(await mock.conduct()).toMatchObject([{ rule: "left-running" }]);
});
