/** Tools of MCP, with the client and the server of the official SDK. */
import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { McpServer } from '@modelcontextprotocol/server';
import { Flow } from 'millrace';
import { agent, type ToolResultPart } from 'millrace/llm';
import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { model } from './script.ts';

/** A server with some tools, and a client that is connected to it. */
async function connected() {
  const server = new McpServer({ name: 'mill', version: '1.0.0' });
  const stopped: AbortSignal[] = [];
  server.registerTool(
    'grind.grain',
    { description: 'Grinds.', inputSchema: z.object({ sacks: z.number() }) },
    async ({ sacks }) => ({ content: [{ type: 'text', text: `${sacks} sacks of flour` }] }),
  );
  server.registerTool(
    'count',
    { inputSchema: z.object({}), outputSchema: z.object({ sacks: z.number() }) },
    async () => ({ content: [], structuredContent: { sacks: 3 } }),
  );
  server.registerTool('break', { inputSchema: z.object({}) }, async () => {
    throw new Error('the stone is broken');
  });
  server.registerTool('wait', { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
    stopped.push(mcpReq.signal);
    await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve));
    return { content: [] };
  });
  const client = new Client({ name: 'millrace', version: '1.0.0' });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(far), client.connect(near)]);
  onTestFinished(() => client.close());
  return { client, stopped };
}

const asking = (client: Client, calls: readonly { name: string; input?: object }[]) => {
  const asked = model({ calls } as never, 'Done.');
  const flow = new Flow('mill');
  const helper = flow.step('helper', agent({ model: asked, tools: client }), { prompt: 'Go.' });
  return { asked, flow: flow.output({ messages: helper.out.messages }) };
};

test('7.3 the tools of an MCP server are offered and called: texts, structured results, errors', async () => {
  const { client } = await connected();
  const { asked, flow } = asking(client, [
    { name: 'grind_grain', input: { sacks: 2 } },
    { name: 'count' },
    { name: 'break' },
    { name: 'grind_grain', input: { sacks: 'two' } },
  ]);
  const { output } = await flow.complete({});
  expect(asked.calls[0]?.tools).toMatchObject([
    { name: 'break' },
    { name: 'count' },
    {
      name: 'grind_grain',
      description: 'Grinds.',
      inputSchema: { type: 'object', properties: { sacks: { type: 'number' } } },
    },
    { name: 'wait' },
  ]);
  const results = output.messages
    .flatMap(({ content }) => content)
    .filter((part): part is ToolResultPart => part.type === 'tool-result');
  expect(results.map((part) => part.output)).toEqual([
    '2 sacks of flour',
    { sacks: 3 },
    expect.stringContaining('the stone is broken'),
    expect.stringMatching(/expected number/i),
  ]);
  expect(results.map(({ isError }) => isError)).toEqual([undefined, undefined, true, true]);
});

test('3.5 when a run is cancelled, the MCP server is told to stop', async () => {
  const { client, stopped } = await connected();
  const run = asking(client, [{ name: 'wait' }]).flow.start({});
  const types: string[] = [];
  run.events$.subscribe(({ type }) => types.push(type));
  await vi.waitFor(() => expect(stopped).toHaveLength(1));
  run.cancel('the user left');
  await vi.waitFor(() => expect(stopped[0]?.aborted).toBe(true));
  expect(types.at(-1)).toBe('FLOW_CANCEL');
});
