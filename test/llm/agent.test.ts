/** Agents: bounded loops of turns with tools. */
import { defineStep, Flow, type FlowEvent, MemorySaver, question } from 'millrace';
import {
  type AgentOptions,
  agent,
  type ChatCall,
  type ChatChunk,
  type ChatModel,
  llm,
  type McpClient,
  message,
  tool,
} from 'millrace/llm';
import { scriptedModel } from 'millrace/testing';
import { delay, firstValueFrom, type Observable, of, throwError, toArray } from 'rxjs';
import { expect, expectTypeOf, test, vi } from 'vitest';
import { z } from 'zod';
import { model, said } from './script.ts';

const search = defineStep({
  input: z.object({ query: z.string() }),
  description: 'Finds pages.',
  run: ({ query }) => `about ${query}`,
});

function agentFlow(options: AgentOptions) {
  const flow = new Flow<{ prompt: string }>('helped');
  const helper = flow.step('agent', agent(options), { prompt: flow.input.prompt });
  return flow.output({ text: helper.out.text, result: helper.out });
}

const eventsOf = (options: AgentOptions): Promise<FlowEvent[]> =>
  firstValueFrom(agentFlow(options).run({ prompt: 'x' }).pipe(toArray()));

const find = (query: string, id?: string) => ({
  name: 'search',
  input: { query },
  ...(id && { id }),
});

test('7.6 turns and calls are told below the step; the model hears the results', async () => {
  const heard = model({ calls: [find('mills')] }, 'A mill turns.');
  const events = await eventsOf({ model: heard, tools: { search } });
  expect(events.map(({ type, path }) => `${type} ${path}`)).toEqual([
    'FLOW_START ',
    'STEP_START agent',
    'STEP_START agent.turn[1]',
    'STEP_OUTPUT agent.turn[1]',
    'STEP_START agent.turn[1].search',
    'STEP_OUTPUT agent.turn[1].search',
    'STEP_START agent.turn[2]',
    'STEP_CHUNK agent',
    'STEP_OUTPUT agent.turn[2]',
    'STEP_OUTPUT agent',
    'FLOW_OUTPUT ',
  ]);
  expect(said(heard.calls[1] as never)).toEqual([
    'user: x',
    'assistant: call search {"query":"mills"}',
    'tool: result about mills',
  ]);
  expect(heard.calls[0]?.tools).toMatchObject([
    { name: 'search', description: 'Finds pages.', inputSchema: { required: ['query'] } },
  ]);
  expect(events.at(-1)).toMatchObject({
    output: { text: 'A mill turns.' },
    usage: { input: 20, output: 10 },
  });
});

test('7.6 a tool that a turn calls more than once has an index; results stand in the order of the calls', async () => {
  const heard = model({ calls: [find('a', '1'), find('b', '2'), find('c', '3')] }, 'ok');
  const slow = defineStep({
    input: z.object({ query: z.string() }),
    run: async ({ query }) => {
      for (let i = 100; i > query.charCodeAt(0); i--) await Promise.resolve();
      return query;
    },
  });
  const events = await eventsOf({ model: heard, tools: { search: slow } });
  const starts = events.filter(
    ({ type, path }) => type === 'STEP_START' && path.includes('search'),
  );
  expect(starts.map(({ path }) => path)).toEqual(
    [0, 1, 2].map((i) => `agent.turn[1].search[${i}]`),
  );
  expect(said(heard.calls[1] as never).at(-1)).toBe('tool: result a, result b, result c');
});

test('7.6 tools stay offered in every turn but the last, which answers: a loop of 10', async () => {
  const heard = model((call) => (call.tools ? { calls: [find('more')] } : 'That is all.'));
  const { output } = await agentFlow({ model: heard, tools: { search } }).complete({ prompt: 'x' });
  expect(output.text).toBe('That is all.');
  expect(heard.calls.map(({ tools }) => tools?.length ?? 0)).toEqual([
    1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
  ]);
  expect(output.result.messages.map(({ role }) => role).join()).toBe(
    `user,${'assistant,tool,'.repeat(9)}assistant`,
  );
});

test('7.6 a call in the last turn runs nothing', async () => {
  let runs = 0;
  const heard = model({ calls: [find('x')] }, { text: 'Fine.', calls: [find('y')] });
  const counted = tool(() => ++runs, { input: z.object({ query: z.string() }) });
  const { output } = await agentFlow({
    model: heard,
    tools: { search: counted },
    maxIterations: 2,
  }).complete({ prompt: 'x' });
  expect([output.text, output.result.toolCalls, runs]).toEqual(['Fine.', [], 1]);
});

test('7.6 stopWhen makes the next turn the last', async () => {
  const heard = model((call) => (call.tools ? { calls: [find('more')] } : 'done'));
  await agentFlow({ model: heard, tools: { search }, stopWhen: (_, turn) => turn === 2 }).complete({
    prompt: 'x',
  });
  expect(heard.calls.map(({ tools }) => tools?.length ?? 0)).toEqual([1, 1, 0]);
});

test('7.6 with a schema the result has the validated object', async () => {
  const flow = new Flow('typed');
  const helper = flow.step(
    'agent',
    agent({
      model: model({ calls: [find('x')] }, '{"n": 1}'),
      tools: { search },
      schema: z.object({ n: z.number() }),
    }),
    { prompt: 'x' },
  );
  const { output } = await flow.output({ n: helper.out.object.n }).complete({});
  expectTypeOf(output.n).toEqualTypeOf<number>();
  expect(output.n).toBe(1);
});

test('7.6 a required tool is required in the first turn only', async () => {
  const heard = model({ calls: [find('x')] }, 'ok');
  await agentFlow({ model: heard, tools: { search }, toolChoice: 'required' }).complete({
    prompt: 'x',
  });
  expect(heard.calls.map(({ toolChoice }) => toolChoice)).toEqual(['required', undefined]);
});

test('7.6 the chunks of an agent are the texts of its turns, for readers in the flow and of the run', async () => {
  const make = () =>
    agent({
      model: model({ text: 'Let me see. ', calls: [find('x')] }, { text: ['A ', 'mill.'] }),
      tools: { search },
    });
  const flow = new Flow('reader');
  const helper = flow.step('agent', make(), { prompt: 'x' });
  const heard = flow.step(
    'heard',
    ({ chunks }: { chunks: Observable<string> }) => chunks.pipe(toArray()),
    { chunks: helper.chunks },
  );
  const run = flow.output({ heard: heard.out }).start({});
  expect((await run.result).heard).toEqual(['Let me see. ', 'A ', 'mill.']);
  expect(await firstValueFrom(run.chunks$('agent').pipe(toArray()))).toEqual([
    'Let me see. ',
    'A ',
    'mill.',
  ]);
});

test('7.6 a flow can be a tool: its own LLM streams under its path', async () => {
  const inner = new Flow('sub', {
    input: z.object({ topic: z.string() }),
    description: 'Looks into a topic.',
  });
  const draft = inner.step(
    'draft',
    llm({ model: model({ text: ['deep ', 'thought'] }), memory: 'notes' }),
    { prompt: inner.input.topic },
  );
  const research = inner.output({ text: draft.out.text });
  const heard = model({ calls: [{ name: 'research', input: { topic: 'mills' } }] }, 'ok');
  const events = await eventsOf({ model: heard, tools: { research } });
  expect(
    events
      .filter(({ type }) => type === 'STEP_CHUNK')
      .map(({ path, ...event }) => [path, 'chunk' in event && event.chunk]),
  ).toEqual([
    ['agent.turn[1].research.draft', 'deep '],
    ['agent.turn[1].research.draft', 'thought'],
    ['agent', 'ok'],
  ]);
  expect(heard.calls[0]?.tools).toMatchObject([
    { name: 'research', description: 'Looks into a topic.', inputSchema: { required: ['topic'] } },
  ]);
  expect(events.at(-1)).toMatchObject({ data: { notes: { added: 2 } } });
});

test('7.6 a tool can stream and ask; an agent can be a tool of an agent', async () => {
  const asking = question({ input: z.object({ what: z.string() }), answer: z.string() });
  const inner = agent({
    model: model({ calls: [{ name: 'ask', input: { what: 'name' } }] }, 'Ada'),
    tools: { ask: asking },
  });
  const flow = agentFlow({
    model: model({ calls: [{ name: 'helper', input: { prompt: 'who?' } }] }, 'It is Ada.'),
    tools: { helper: inner },
  });
  const run = flow.start({ prompt: 'x' });
  await run.answer('agent.turn[1].helper.turn[1].ask', 'Ada');
  expect((await run.result).text).toBe('It is Ada.');
});

test('7.5 failing, unknown and badly called tools are told to the model; nothing else runs', async () => {
  const heard = model(
    {
      calls: [
        find('a'),
        { name: 'search', input: '{"query"' },
        { name: 'search', input: { query: 1 } },
        { name: 'delete_all' },
        { name: 'constructor' },
        { name: 'boom' },
      ],
    },
    'sorry',
  );
  const events = await eventsOf({
    model: heard,
    tools: { search, boom: tool(() => throwError(() => new Error('bang'))) },
  });
  expect(
    said(heard.calls[1] as never)
      .at(-1)
      ?.split(', error '),
  ).toEqual([
    'tool: result about a',
    'The arguments are no JSON object: {"query"',
    expect.stringMatching(/^The arguments are not valid:\n- query: /),
    'There is no tool "delete_all". There are: search, boom.',
    'There is no tool "constructor". There are: search, boom.',
    'bang',
  ]);
  expect(events.at(-1)?.type).toBe('FLOW_OUTPUT');
  expect(events.some(({ path }) => /delete_all|constructor/.test(path))).toBe(false);
});

test('7.5 with onToolError: fail a failing tool fails the agent', async () => {
  const flow = agentFlow({
    model: model({ calls: [{ name: 'boom' }] }, 'x'),
    tools: { boom: tool(() => throwError(() => new Error('bang'))) },
    onToolError: 'fail',
  });
  await expect(flow.complete({ prompt: 'x' })).rejects.toThrow(
    'The tool "boom" that step "agent" called failed: bang',
  );
});

test('7.3 __proto__ in arguments does nothing, not even to a handler that copies them', async () => {
  const seen: object[] = [];
  const copy = tool((input: object) => void seen.push(Object.assign({}, input)));
  const heard = model(
    {
      calls: [
        {
          name: 'copy',
          input:
            '{"a":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
        },
      ],
    },
    'x',
  );
  await agentFlow({ model: heard, tools: { copy } }).complete({ prompt: 'x' });
  expect((seen[0] as { polluted?: boolean }).polluted).toBeUndefined();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('5.11 a call that needs approval waits; denied, the model learns it; approved, the tool runs', async () => {
  for (const [answer, expected] of [
    [{ approved: false, reason: 'Too dear.' }, 'error The call was not approved. Too dear.'],
    [true, 'result paid 5'],
  ] as const) {
    const heard = model({ calls: [{ name: 'pay', input: { amount: 5 } }] }, 'ok');
    const pay = tool(({ amount }: { amount: number }) => `paid ${amount}`, { approve: true });
    const run = agentFlow({ model: heard, tools: { pay } }).start({ prompt: 'x' });
    expect(run.getSnapshot().steps['agent.turn[1].pay.approve']).toMatchObject({
      status: 'waiting',
      question: { tool: 'pay', input: { amount: 5 } },
    });
    await expect(run.answer('agent.turn[1].pay.approve', 'yes')).rejects.toThrow(
      'expected one of several forms',
    );
    await run.answer('agent.turn[1].pay.approve', answer);
    await run.result;
    expect(said(heard.calls[1] as never).at(-1)).toBe(`tool: ${expected}`);
  }
});

test('5.11 a run is suspended when all calls of a turn have asked that need approval', async () => {
  const calls = [5, 30].map((amount) => ({ name: 'pay', input: { amount } }));
  const heard = model({ calls }, 'ok');
  const later: ChatModel = (call) => heard(call).pipe(delay(1));
  const pay = tool(({ amount }: { amount: number }) => `paid ${amount}`, {
    approve: ({ amount }) => new Promise((resolve) => setTimeout(resolve, amount, true)),
  });
  const flow = agentFlow({ model: later, tools: { pay } });
  const run = flow.start({ prompt: 'x' }, { saver: new MemorySaver() });
  await expect(run.result).rejects.toMatchObject({
    code: 'suspended',
    issues: [{ path: 'agent.turn[1].pay[0].approve' }, { path: 'agent.turn[1].pay[1].approve' }],
  });
});

test('5.11 approval may depend on the arguments', async () => {
  const pay = tool(({ amount }: { amount: number }) => `paid ${amount}`, {
    approve: async ({ amount }) => amount > 100,
  });
  const heard = model({ calls: [{ name: 'pay', input: { amount: 5 } }] }, 'ok');
  await agentFlow({ model: heard, tools: { pay } }).complete({ prompt: 'x' });
  expect(said(heard.calls[1] as never).at(-1)).toBe('tool: result paid 5');
});

test('5.9 a resumed agent asks the model no turn again, and runs no tool again that had succeeded', async () => {
  const saver = new MemorySaver();
  const runs: string[] = [];
  let isDown = true;
  const note = tool(({ n }: { n: string }) => {
    runs.push(n);
    if (n === 'bad' && runs.length === 2) throw new Error('once');
    return n;
  });
  const heard = model((_, i) => {
    if (i === 0)
      return {
        calls: [
          { name: 'note', input: { n: 'good' } },
          { name: 'note', input: { n: 'bad' } },
        ],
      };
    if (i === 1) return { calls: [{ name: 'note', input: { n: 'last' } }] };
    return isDown ? { error: new Error('down') } : 'done';
  });
  const flow = agentFlow({ model: heard, tools: { note }, memory: 'chat' }).with({ saver });
  await expect(flow.complete({ prompt: 'x' }, { id: 'r' })).rejects.toThrow('down');
  isDown = false;
  expect((await flow.resume('r').result).text).toBe('done');
  expect(heard.calls).toHaveLength(4);
  expect(runs).toEqual(['good', 'bad', 'last']);
  // What the model heard of the failed call stands, although it might succeed by now.
  expect(said(heard.calls[3] as never)).toEqual(said(heard.calls[2] as never));
  expect(said(heard.calls[3] as never)[2]).toBe('tool: result good, error once');
});

test('7.2 an agent reads the memory, and adds all its messages when it has succeeded', async () => {
  const saver = new MemorySaver();
  const heard = model({ calls: [find('a')] }, 'A', 'B');
  const flow = agentFlow({ model: heard, tools: { search }, memory: 'chat' });
  const { runId } = await flow.complete({ prompt: 'a' }, { saver });
  await flow.complete({ prompt: 'b' }, { saver, parentId: runId });
  expect(said(heard.calls[2] as never)).toEqual([
    'user: a',
    'assistant: call search {"query":"a"}',
    'tool: result about a',
    'assistant: A',
    'user: b',
  ]);
});

test('7.3 tools of the AI SDK, of MCP servers and of providers are tools like others', async () => {
  const client: McpClient = {
    listTools: async (page) =>
      page
        ? { tools: [{ name: 'files/read', inputSchema: { type: 'object' } }] }
        : {
            tools: [{ name: 'echo', description: 'Echoes.', inputSchema: { type: 'object' } }],
            nextCursor: 'more',
          },
    callTool: async ({ name, arguments: input }) => ({
      content: [{ type: 'text', text: `${name} ${JSON.stringify(input)}` }],
      isError: name === 'files/read',
    }),
  };
  const clock = {
    description: 'Tells the time.',
    inputSchema: z.object({ zone: z.string() }),
    execute: async ({ zone }: { zone: string }) => `noon in ${zone}`,
  };
  const web = { type: 'provider', id: 'openai.web_search', name: 'web', args: {} } as const;
  const heard = model(
    {
      calls: [
        { name: 'echo', input: { a: 1 } },
        { name: 'files_read' },
        { name: 'clock', input: { zone: 'UTC' } },
      ],
    },
    'ok',
  );
  await agentFlow({ model: heard, tools: [{ clock, web }, client] }).complete({ prompt: 'x' });
  expect(heard.calls[0]?.tools?.map(({ name }) => name)).toEqual([
    'clock',
    'echo',
    'files_read',
    'web',
  ]);
  expect(said(heard.calls[1] as never).at(-1)).toBe(
    'tool: result echo {"a":1}, error files/read {}, result noon in UTC',
  );
});

type Options = { readonly signal: AbortSignal };

/** A server that answers when it is told to stop only; the SDK of MCP makes an error of its own of that. */
function slowServer() {
  const heard: AbortSignal[] = [];
  const call = ({ signal }: Options) => {
    heard.push(signal);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`MCP error: ${signal.reason}`)));
    });
  };
  const listTools = async () => ({ tools: [{ name: 'wait', inputSchema: { type: 'object' } }] });
  return { heard, call, listTools };
}

/** Where the SDK takes its options. */
const callTools = {
  'behind a schema, as in version 1 of the SDK':
    (call: (options: Options) => Promise<unknown>): McpClient['callTool'] =>
    (_, schema = 'default', options?: Options) => {
      expect(schema).toBe('default');
      return call(options as Options);
    },
  'as the second, as in version 2 of the SDK':
    (call: (options: Options) => Promise<unknown>): McpClient['callTool'] =>
    (_, options: Options) =>
      call(options),
};

test.each(Object.entries(callTools))(
  '3.5 a run that is cancelled aborts the call of a tool of MCP, which takes its options %s',
  async (_, callTool) => {
    const { heard, call, listTools } = slowServer();
    const tools: McpClient = { listTools, callTool: callTool(call) };
    const asked = model({ calls: [{ name: 'wait' }] }, 'x');
    const run = agentFlow({ model: asked, tools }).start({ prompt: 'x' });
    const events = firstValueFrom(run.events$.pipe(toArray()));
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    expect(heard[0]?.aborted).toBe(false);
    run.cancel('the user left');
    expect(heard[0]?.aborted).toBe(true);
    // It was heeded: that is nothing to report.
    expect((await events).at(-1)?.type).toBe('FLOW_CANCEL');
  },
);

test('3.5 a run that is cancelled aborts the listing of the tools of MCP', async () => {
  const heard: AbortSignal[] = [];
  const client: McpClient = {
    listTools: (_, options) => {
      if (options) heard.push(options.signal);
      return new Promise(() => {});
    },
    callTool: () => Promise.resolve(),
  };
  const run = agentFlow({ model: model('x'), tools: client }).start({ prompt: 'x' });
  const { result } = run;
  await vi.waitFor(() => expect(heard).toHaveLength(1));
  run.cancel();
  await expect(result).rejects.toMatchObject({ code: 'cancelled' });
  expect(heard[0]?.aborted).toBe(true);
});

test('7.3 what is no tool, and two tools of one name, are refused', async () => {
  const twice = agentFlow({ model: model('x'), tools: [{ search }, { search }] });
  await expect(twice.complete({ prompt: 'x' })).rejects.toThrow('Two tools have the name "search"');
  await expect(
    agentFlow({ model: model('x'), tools: { 'a b': search } }).complete({ prompt: 'x' }),
  ).rejects.toThrow('"a b" cannot be the name of a tool');
  await expect(
    agentFlow({ model: model('x'), tools: { a: {} } }).complete({ prompt: 'x' }),
  ).rejects.toThrow('"a" is no tool');
});

test('7.3 tools of llm() are run once, and the next LLM of the memory hears of them', async () => {
  const first = model({ calls: [find('a')] });
  const second = model('ok');
  const flow = new Flow('once');
  const a = flow.step('a', llm({ model: first, tools: { search }, memory: 'chat' }), {
    prompt: 'x',
  });
  const b = flow.step(
    'b',
    llm({ model: second, memory: 'chat' }),
    { prompt: 'And?' },
    { after: [a] },
  );
  const events = await firstValueFrom(flow.output({ b: b.out.text }).run({}).pipe(toArray()));
  expect(events.some(({ path }) => path === 'a.turn[1].search')).toBe(true);
  expect(said(second.calls[0] as never)).toEqual([
    'user: x',
    'assistant: call search {"query":"a"}',
    'tool: result about a',
    'user: And?',
  ]);
});

test('7.3 calls of tools without code are left to whoever reads the result', async () => {
  const { output } = await agentFlow({
    model: model({ calls: [{ name: 'browse', input: { url: 'u' }, id: '7' }] }),
    tools: { browse: { inputSchema: { jsonSchema: { type: 'object' } } } },
  }).complete({ prompt: 'x' });
  expect(output.result.toolCalls).toMatchObject([{ id: '7', name: 'browse', input: { url: 'u' } }]);
});

test('7.6 options that cannot be are refused', () => {
  expect(() => agent({ model: model('x'), maxIterations: 0 })).toThrow(
    '"maxIterations" of an LLM step cannot be 0',
  );
  expect(() => llm({ model: 'gpt' as never })).toThrow('must be a chat model');
  expect(() => llm({ model: () => of(), window: -1 })).toThrow('"window"');
  expect(() =>
    llm({
      model: () => of(),
      schema: {
        '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) },
      },
    }),
  ).toThrow('must tell its JSON Schema');
  expect(message('user', 'x').version).toBe(1);
});

test('7.3 calls of one turn that have one id are told apart, and each is answered with its own result', async () => {
  const usage = { input: 1, output: 1, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
  const call = (n: number): ChatChunk => ({
    type: 'tool-call',
    id: 'same',
    name: 'double',
    input: JSON.stringify({ n }),
  });
  const heard: ChatCall[] = [];
  const twice: ChatModel = (asked) =>
    heard.push(asked) === 1
      ? of<ChatChunk[]>(call(1), call(2), { type: 'finish', reason: 'tool-calls', usage })
      : of<ChatChunk[]>({ type: 'text', text: 'Done.' }, { type: 'finish', reason: 'stop', usage });
  const double = tool(({ n }: { n: number }) => 2 * n, { input: z.object({ n: z.number() }) });
  const flow = new Flow('one-id');
  const asked = flow.step('asked', agent({ model: twice, tools: { double } }), { prompt: 'Go.' });
  await flow.output({ text: asked.out.text }).complete({});
  const parts = heard[1]?.messages.flatMap(({ content }) => content) ?? [];
  const called = parts.filter((part) => part.type === 'tool-call');
  const results = parts.filter((part) => part.type === 'tool-result');
  expect(called.map(({ input }) => input)).toEqual([{ n: 1 }, { n: 2 }]);
  expect(results.map(({ id, output }) => [id, output])).toEqual([
    [called[0]?.id, 2],
    [called[1]?.id, 4],
  ]);
  expect(called[0]?.id).not.toBe(called[1]?.id);
});

test('7.5 a tool whose result is no JSON has failed, and the model is told', async () => {
  const answered = async (onToolError: 'answer' | 'fail') => {
    const counting = scriptedModel([
      { marbles: '(a|)', values: { a: { tool: 'count', input: {} } } },
      { marbles: '(a|)', values: { a: 'So be it.' } },
    ]);
    const flow = new Flow('bigint');
    const asked = flow.step(
      'asked',
      agent({ model: counting, tools: { count: tool(() => 1n) }, onToolError }),
      {
        prompt: 'Go.',
      },
    );
    return flow.output({ messages: asked.out.messages }).complete({});
  };
  const { output } = await answered('answer');
  const results = output.messages
    .flatMap(({ content }) => content)
    .filter(({ type }) => type === 'tool-result');
  expect(results).toMatchObject([{ isError: true, output: expect.stringContaining('as JSON') }]);
  await expect(answered('fail')).rejects.toMatchObject({ code: 'run-failed' });
});

test('7.5 the result of a tool is written as JSON once', async () => {
  let written = 0;
  class Found {
    toJSON(): object {
      written++;
      return { title: 'Mills' };
    }
  }
  const look = tool(() => new Found());
  const heard = model({ calls: [{ name: 'look' }] }, 'Done.');
  await agentFlow({ model: heard, tools: { look } }).complete({ prompt: 'Go.' });
  expect(said(heard.calls[1] as ChatCall).at(-1)).toBe('tool: result {"title":"Mills"}');
  expect(written).toBe(1);
});

test('7.5 arguments that the schema of an AI SDK tool refuses run nothing, whatever kind of schema it is', async () => {
  const ran: unknown[] = [];
  const execute = async (input: { a: number }) => ran.push(input);
  const validate = (value: unknown) => {
    const { a } = value as { a: unknown };
    return typeof a === 'number'
      ? { success: true, value: { a: a + 1 } }
      : { success: false, error: new Error('"a" must be a number') };
  };
  const own = { jsonSchema: { type: 'object', properties: { a: { type: 'number' } } }, validate };
  // A standard schema may be a function, as those of arktype are.
  const typed = Object.assign(() => 'called', {
    '~standard': z.object({ a: z.number() })['~standard'],
  });
  const tools = {
    asked: { inputSchema: own, execute },
    lazy: { inputSchema: () => own, execute },
    typed: { inputSchema: typed, execute },
  };
  const names = Object.keys(tools);
  const heard = model(
    { calls: names.map((name) => ({ name, input: { a: 'x' } })) },
    { calls: names.map((name) => ({ name, input: { a: 1 } })) },
    'ok',
  );
  await agentFlow({ model: heard, tools }).complete({ prompt: 'x' });
  expect(heard.calls[0]?.tools).toMatchObject(
    names.map((name) => ({ name, inputSchema: { properties: { a: { type: 'number' } } } })),
  );
  const refused = said(heard.calls[1] as ChatCall).at(-1);
  expect(refused?.match(/error The arguments are not valid/g)).toHaveLength(3);
  expect(refused).toContain('"a" must be a number');
  expect(ran).toHaveLength(3);
  expect(ran).toEqual(expect.arrayContaining([{ a: 2 }, { a: 1 }]));
});

test('7.3 a tool of a provider that brings its code is run here', async () => {
  const bash = {
    type: 'provider',
    id: 'anthropic.bash_20250124',
    args: {},
    inputSchema: { jsonSchema: {} },
    execute: async ({ command }: { command: string }) => `ran ${command}`,
    needsApproval: true,
  } as const;
  const heard = model({ calls: [{ name: 'bash', input: { command: 'ls' } }] }, 'ok');
  const run = agentFlow({ model: heard, tools: { bash } }).start({ prompt: 'x' });
  run.events$.subscribe(({ type, path }) => {
    if (type === 'STEP_WAIT') void run.answer(path, true);
  });
  expect(await run.result).toMatchObject({ text: 'ok' });
  expect(heard.calls[0]?.tools).toEqual([
    { type: 'provider', id: 'anthropic.bash_20250124', name: 'bash', args: {} },
  ]);
  expect(said(heard.calls[1] as ChatCall).at(-1)).toBe('tool: result ran ls');
});

test('7.5 arguments that a flow refuses are told like those that a step refuses', async () => {
  const inner = new Flow('inner', { input: z.object({ n: z.number() }) });
  const doubled = inner.step('doubled', ({ n }: { n: number }) => 2 * n, { n: inner.input.n });
  const double = inner.output({ doubled: doubled.out });
  const heard = model({ calls: [{ name: 'double', input: { n: 'x' } }] }, 'ok');
  await agentFlow({ model: heard, tools: { double } }).complete({ prompt: 'x' });
  expect(said(heard.calls[1] as ChatCall).at(-1)).toBe(
    'tool: error The arguments are not valid:\n- n: Invalid input: expected number, received string',
  );
});

test('7.3 an empty cursor of an MCP server ends its list of tools', async () => {
  const pages = ['next', ''];
  const client: McpClient = {
    listTools: async () => {
      const nextCursor = pages.shift();
      if (nextCursor === undefined) throw new Error('was asked for more');
      return { tools: [{ name: `tool${pages.length}`, inputSchema: {} }], nextCursor };
    },
    callTool: async () => ({}),
  };
  const heard = model('ok');
  await agentFlow({ model: heard, tools: client }).complete({ prompt: 'x' });
  expect(heard.calls[0]?.tools?.map(({ name }) => name)).toEqual(['tool0', 'tool1']);
});

test('7.6 a flow with a step where its approval would be asked is refused', async () => {
  const inner = new Flow('inner');
  const approve = inner.step('approve', () => 'yes', {});
  const flow = inner.output({ approve: approve.out });
  const run = (tools: AgentOptions['tools']) =>
    agentFlow({ model: model('ok'), tools: tools as never }).complete({ prompt: 'x' });
  await expect(run({ pay: tool(flow, { approve: true }) })).rejects.toThrow(
    'The tool "pay" asks for approval where its flow has a step "approve". Rename the step.',
  );
  expect((await run({ pay: flow })).output.text).toBe('ok');
});
