// The official TypeScript client of MCP does what it is told, one JSON command a line on standard input, and prints one
// JSON answer a line: {"ok": ...} or {"error": {code, message, data}}. The proxy is in the environment (NODE_USE_ENV_PROXY
// does not exist in every Node.js this runs on, so undici's own agent reads it).
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { EnvHttpProxyAgent, setGlobalDispatcher, fetch as undiciFetch } from "undici";

const dispatcher = new EnvHttpProxyAgent();
setGlobalDispatcher(dispatcher);
const client = new Client({ name: "session", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2]), { fetch: undiciFetch }));

const commands = {
  list: async () => (await client.listTools()).tools.map((tool) => tool.name),
  call: async ({ name, args }) => (await client.callTool({ name, arguments: args })).content.map((part) => part.text),
  read: async ({ uri }) => (await client.readResource({ uri })).contents.map((part) => part.text),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await commands[command.do](command) };
  } catch (error) {
    answer = { error: { kind: error.constructor.name, code: error.code, message: error.message, data: error.data } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await client.close();
