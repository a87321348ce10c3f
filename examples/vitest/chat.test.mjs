import { expect, test } from "doubletext-testing/vitest";
import { Chat } from "./chat.mjs";

test("the stop button stops the run", async ({ mock }) => {
  await mock.hold("agent:2/token");
  const chat = new Chat(mock.url);
  await chat.send("what's the weather in sf?");
  await mock.waitUntilHeld("agent:2/token");
  await chat.stop();
  await mock.assertRequested("POST", "*/cancel", { times: 1 });
  await mock.waitForStatus("interrupted", chat.thread, chat.run);
});

test("a second message interrupts the first", async ({ mock }) => {
  await mock.hold("tools:1/enter");
  const chat = new Chat(mock.url);
  await chat.send("what's the weather in sf?");
  const first = chat.run;
  await mock.waitUntilHeld("tools:1/enter");
  await chat.send("what's the weather in nyc?");
  await mock.waitForStatus("interrupted", chat.thread, first);
  await mock.release();
  expect(await chat.messages()).toEqual(["human", "ai", "human", "ai", "tool", "ai"]);
  await mock.assertConduct({ strategy: "interrupt", without: "left-dangling" });
});
