// The application under test: a conversation that can be stopped, and that a second message interrupts.
import { Client } from "@langchain/langgraph-sdk";

export class Chat {
  constructor(apiUrl) {
    this.client = new Client({ apiUrl });
  }

  async send(text) {
    this.thread ??= (await this.client.threads.create()).thread_id;
    const run = await this.client.runs.create(this.thread, "agent", {
      input: { messages: [{ role: "user", content: text }] },
      multitaskStrategy: "interrupt",
    });
    this.run = run.run_id;
  }

  async stop() {
    await this.client.runs.cancel(this.thread, this.run, true);
  }

  async messages() {
    const values = await this.client.runs.join(this.thread, this.run);
    return values.messages.map((message) => message.type);
  }
}
