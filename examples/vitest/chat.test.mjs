import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Chat } from "./chat.mjs";
import { startMock } from "./mock.mjs";

let mock;
beforeAll(async () => {
  mock = await startMock();
});
beforeEach(() => mock.reset());
afterAll(() => mock.stop());

test("the stop button stops the run", async () => {
  await mock.hold("agent:2/token");
  const chat = new Chat(mock.url);
  await chat.send("what's the weather in sf?");
  await mock.untilHeld("agent:2/token");
  await chat.stop();
  await mock.untilStatus("interrupted", chat.thread, chat.run);
});

test("a second message interrupts the first", async () => {
  await mock.hold("tools:1/enter");
  const chat = new Chat(mock.url);
  await chat.send("what's the weather in sf?");
  const first = chat.run;
  await mock.untilHeld("tools:1/enter");
  await chat.send("what's the weather in nyc?");
  await mock.untilStatus("interrupted", chat.thread, first);
  await mock.release();
  expect(await chat.messages()).toEqual(["human", "ai", "human", "ai", "tool", "ai"]);
  const { findings } = await mock.control("GET", "/conduct?strategy=interrupt&without=left-dangling");
  expect(findings).toEqual([]);
});
