// The store of items, and assistants that a client makes.
import { client, report } from "./play.mjs";

const found = {};

await client.store.putItem(["users", "ann"], "likes", { food: "soup" });
await client.store.putItem(["users", "bob"], "likes", { food: "bread" });
found.item = (await client.store.getItem(["users", "ann"], "likes")).value;
found.searched = (await client.store.searchItems(["users"], { filter: { food: "bread" } })).items.map((item) => item.namespace);
found.namespaces = (await client.store.listNamespaces({ prefix: ["users"] })).namespaces;
await client.store.deleteItem(["users", "ann"], "likes");
found.gone = await client.store.getItem(["users", "ann"], "likes");

const made = await client.assistants.create({ graphId: "agent", name: "Bee", metadata: { who: "me" } });
const changed = await client.assistants.update(made.assistant_id, { name: "Bee 2" });
found.versions = [made.version, changed.version];
found.listed = (await client.assistants.getVersions(made.assistant_id)).map((one) => one.name);
found.latest = (await client.assistants.setLatest(made.assistant_id, 1)).name;
found.search = (await client.assistants.search({ metadata: { who: "me" } })).length;
await client.assistants.delete(made.assistant_id);
found.left = (await client.assistants.search()).length;

report(found);
