/** Steps as tools, over links of the graph. */
import { defineStep, Flow, MemorySaver, type ToolResult } from 'millrace';
import { type ChatCall, llm } from 'millrace/llm';
import { scriptedModel } from 'millrace/testing';
import { firstValueFrom, toArray } from 'rxjs';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { model, type ScriptedModel, said } from './script.ts';

// The longer the name, the later it is there; whatever else the machine does.
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

const weather = defineStep({
  input: z.object({ city: z.string(), unit: z.enum(['C', 'F']) }),
  description: 'The weather in a city.',
  run: async ({ city, unit }) => {
    await turns(city.length);
    if (city === 'Atlantis') throw new Error('it has sunk');
    return `${city}: ${city.length} ${unit}`;
  },
});

/** ask → weather → answer. */
function weatherFlow(
  first: ScriptedModel,
  second: ScriptedModel,
  options: Partial<Parameters<typeof llm>[0]> = {},
) {
  const flow = new Flow<{ prompt: string }>('weather');
  const ask = flow.step('ask', llm({ model: first, memory: 'chat' }), {
    prompt: flow.input.prompt,
  });
  const tool = flow.tool(
    ask,
    'weather',
    weather,
    { unit: 'C' },
    { description: 'Tells the weather.' },
  );
  const answer = flow.step('answer', llm({ model: second, memory: 'chat', ...options }), {});
  flow.link(tool, answer, { isToolResult: true });
  return flow.output({ text: answer.out.text, asked: ask.out.text, results: tool.out });
}

const call = (city: unknown, id?: string) => ({
  name: 'weather',
  input: { city },
  ...(id && { id }),
});

test('7.3 the model is offered the id as name, the description of the link, and the params that the author has not bound', async () => {
  const first = model('It is fine.');
  await weatherFlow(first, model()).complete({ prompt: 'How are you?' });
  expect(first.calls[0]?.tools).toEqual(
    [
      {
        name: 'weather',
        description: 'Tells the weather.',
        inputSchema: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
          additionalProperties: expect.anything(),
        },
      },
    ].map((each) => ({
      ...each,
      inputSchema: expect.objectContaining({
        properties: { city: { type: 'string' } },
        required: ['city'],
      }),
    })),
  );
});

test('7.3 what the author has bound is offered in no branch of a schema that has several', async () => {
  const pay = defineStep({
    input: z.union([
      z.object({ by: z.literal('card'), card: z.string(), account: z.string() }),
      z
        .object({ by: z.literal('cash'), account: z.string() })
        .and(z.object({ till: z.number(), account: z.string() })),
    ]),
    run: (paid) => paid,
  });
  const first = model({ calls: [{ name: 'pay', input: { by: 'card', card: '1', account: 'x' } }] });
  const flow = new Flow<{ prompt: string }>('paying');
  const ask = flow.step('ask', llm({ model: first }), { prompt: flow.input.prompt });
  const paid = flow.tool(ask, 'pay', pay as never, { account: 'mine' } as never);
  const { output } = await flow.output({ paid: paid.out }).complete({ prompt: 'Pay.' });
  expect(JSON.stringify(first.calls[0]?.tools)).not.toContain('account');
  expect(JSON.stringify(first.calls[0]?.tools)).toContain('"till"');
  expect(output.paid).toMatchObject([{ result: { by: 'card', card: '1', account: 'mine' } }]);
});

test('7.3 a tool that is not called is skipped, and so is the step that waits for its results', async () => {
  const run = weatherFlow(model('It is fine.'), model()).start({ prompt: 'How are you?' });
  expect(await run.result).toEqual({ asked: 'It is fine.' });
  expect(run.explain('weather')).toBe(
    '"weather" was skipped: "ask" did not call it: "ask" ran and succeeded.'.replace(
      ': "ask" ran and succeeded',
      '',
    ),
  );
  expect(run.getSnapshot().steps['weather']).toMatchObject({
    status: 'skipped',
    reason: 'tool-not-called',
  });
  expect(run.getSnapshot().steps['answer']).toMatchObject({
    status: 'skipped',
    reason: 'upstream-skipped',
  });
});

test('7.3 the same tool called three times runs three times at once; results stand in the order of the calls', async () => {
  const first = model({ calls: [call('Hamburg', 'x'), call('Ulm', 'y'), call('Jena', 'z')] });
  const second = model('All fine.');
  const flow = weatherFlow(first, second);
  const events = await firstValueFrom(flow.run({ prompt: 'Weather?' }).pipe(toArray()));
  const ends = events.filter(
    ({ type, path }) => type === 'STEP_OUTPUT' && path.startsWith('weather['),
  );
  expect(ends.map(({ path }) => path)).toEqual(['weather[1]', 'weather[2]', 'weather[0]']);
  expect(said(second.calls[0] as never)).toEqual([
    'user: Weather?',
    'assistant: call weather {"city":"Hamburg"}, call weather {"city":"Ulm"}, call weather {"city":"Jena"}',
    'tool: result Hamburg: 7 C, result Ulm: 3 C, result Jena: 4 C',
  ]);
  expect(events.at(-1)).toMatchObject({ output: { text: 'All fine.' } });
});

test('7.5 a failing call gives an error result, the others their answers', async () => {
  const second = model('Two are fine.');
  const flow = weatherFlow(model({ calls: [call('Ulm'), call('Atlantis'), call(7)] }), second);
  const { output } = await flow.complete({ prompt: 'Weather?' });
  expectTypeOf(output.results).toEqualTypeOf<readonly ToolResult[]>();
  expect(output.results.map(({ result, error }) => result ?? error?.code)).toEqual([
    'Ulm: 3 C',
    'step-failed',
    'invalid-params',
  ]);
  expect(said(second.calls[0] as never).at(-1)).toMatch(
    /^tool: result Ulm: 3 C, error it has sunk, error The arguments are not valid:\n- city: /,
  );
});

test('7.5 with onToolError: fail, the step that hears of the error fails', async () => {
  const flow = weatherFlow(model({ calls: [call('Atlantis')] }), model('x'), {
    onToolError: 'fail',
  });
  await expect(flow.complete({ prompt: 'Weather?' })).rejects.toThrow('it has sunk');
});

test('7.5 unknown tools and broken arguments are answered by the step that made the call, and run nothing', async () => {
  const second = model('Sorry.');
  const first = model({
    calls: [
      { name: 'remove', input: { all: true }, id: '1' },
      call('Ulm', '2'),
      { name: 'weather', input: '{"city": ', id: '3' },
      { name: 'toString', id: '4' },
    ],
  });
  const flow = weatherFlow(first, second);
  const events = await firstValueFrom(flow.run({ prompt: 'Weather?' }).pipe(toArray()));
  expect([...new Set(events.map(({ path }) => path))].sort()).toEqual([
    '',
    'answer',
    'ask',
    'weather',
    'weather[0]',
  ]);
  expect(said(second.calls[0] as never).at(-1)).toBe(
    'tool: error There is no tool "remove". There are: weather., result Ulm: 3 C, error The arguments are no JSON object: {"city": , error There is no tool "toString". There are: weather.',
  );
});

test('7.3 arguments cannot change what the author has bound, and __proto__ does nothing', async () => {
  const second = model('ok');
  const flow = weatherFlow(
    model({
      calls: [
        { name: 'weather', input: '{"city":"Ulm","unit":"F","__proto__":{"polluted":true}}' },
      ],
    }),
    second,
  );
  await flow.complete({ prompt: 'x' });
  expect(said(second.calls[0] as never).at(-1)).toBe('tool: result Ulm: 3 C');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('7.4 a step that hears results without the memory of the call fails with the remedy', async () => {
  const flow = weatherFlow(model({ calls: [call('Ulm')] }), model('x'), { memory: 'other' });
  await expect(flow.complete({ prompt: 'x' })).rejects.toThrow(
    'Give it the memory or the messages of the step that made the call',
  );
});

test('7.4 messages of the first step do as well as its memory', async () => {
  const second = model('fine');
  const flow = new Flow('direct');
  const ask = flow.step('ask', llm({ model: model({ calls: [call('Ulm')] }) }), { prompt: 'x' });
  const tool = flow.step('weather', weather, { unit: 'C' } as never);
  const answer = flow.step('answer', llm({ model: second }), {
    messages: ask.out.messages as never,
    prompt: 'In short, please.',
  });
  flow.link(ask, tool, { isTool: true }).link(tool, answer, { isToolResult: true });
  await flow.output({ text: answer.out.text }).complete({});
  expect(said(second.calls[0] as never)).toEqual([
    'user: x',
    'assistant: call weather {"city":"Ulm"}',
    'tool: result Ulm: 3 C',
    'user: In short, please.',
  ]);
});

test('7.3 a flow can be a tool; its settings are for each call', async () => {
  let attempts = 0;
  const inner = new Flow('lookup', { input: z.object({ word: z.string() }) });
  const find = inner.step(
    'find',
    ({ word }: { word: string }) => {
      if (++attempts === 1) throw new Error('busy');
      return word.toUpperCase();
    },
    { word: inner.input.word },
  );
  const lookup = inner.output({ found: find.out });
  const flow = new Flow('outer');
  const ask = flow.step(
    'ask',
    llm({
      model: model({
        calls: [
          { name: 'lookup', input: { word: 'a' } },
          { name: 'lookup', input: { word: 'b' } },
        ],
      }),
    }),
    { prompt: 'x' },
  );
  const tool = flow.step('lookup', lookup, {} as never, { retry: { count: 1 } });
  flow.link(ask, tool, { isTool: true });
  const events = await firstValueFrom(flow.output({ all: tool.out }).run({}).pipe(toArray()));
  expect(attempts).toBe(3);
  expect(events.filter(({ type }) => type === 'STEP_RETRY').map(({ path }) => path)).toEqual([
    'lookup[0]',
  ]);
  expect(events.at(-1)).toMatchObject({
    output: { all: [{ result: { found: 'A' } }, { result: { found: 'B' } }] },
  });
});

test('2.15 calls of a tool take no place under the limit of the run', async () => {
  const flow = weatherFlow(model({ calls: [call('Ulm'), call('Jena')] }), model('fine'));
  const { output } = await flow.complete({ prompt: 'x' }, { concurrency: 1 });
  expect(output.text).toBe('fine');
});

test('5.9 calls that had ended are not made again when the run is resumed', async () => {
  const saver = new MemorySaver();
  const made: string[] = [];
  let isDown = true;
  const flow = new Flow('resumed');
  const ask = flow.step(
    'ask',
    llm({
      model: model({
        calls: [
          { name: 'do', input: { n: 'a' } },
          { name: 'do', input: { n: 'b' } },
        ],
      }),
      memory: 'm',
    }),
    { prompt: 'x' },
  );
  const tool = flow.step('do', ({ n }: { n: string }) => void made.push(n), {} as never);
  const answer = flow.step(
    'answer',
    llm({ model: model(() => (isDown ? { error: new Error('down') } : 'done')), memory: 'm' }),
    {},
  );
  flow.link(ask, tool, { isTool: true }).link(tool, answer, { isToolResult: true });
  const both = flow.output({ text: answer.out.text }).with({ saver });
  await expect(both.complete({}, { id: 'r' })).rejects.toThrow('down');
  isDown = false;
  expect(await both.resume('r').result).toEqual({ text: 'done' });
  expect(made).toEqual(['a', 'b']);
});

test('1.13 a tool link starts at an LLM step', () => {
  const flow = new Flow('wrong');
  const a = flow.step('a', () => 1, {});
  const b = flow.step('b', () => 2, {});
  expect(() => flow.link(a, b, { isTool: true })).toThrow('which is no LLM step');
});

test('7.5 the model is told what is in a result that JSON has no form for', async () => {
  const results: unknown[] = [
    new Map([['a', new Set([1])]]),
    new Map([[1, 'b']]),
    { part: new Uint8Array([0, 104, 105]).subarray(1) },
    [new RangeError('too far'), new Date(0), new URL('https://a.b/c')],
  ];
  const heard = scriptedModel([
    {
      marbles: '(abcd|)',
      values: Object.fromEntries(
        ['a', 'b', 'c', 'd'].map((id, at) => [id, { tool: 'look', input: { at } }]),
      ),
    },
    { marbles: '(a|)', values: { a: 'I see.' } },
  ]);
  const flow = new Flow('kinds');
  const ask = flow.step('ask', llm({ model: heard, memory: 'chat' }), { prompt: 'Go.' });
  const look = flow.tool(
    ask,
    'look',
    defineStep({ input: z.object({ at: z.number() }), run: ({ at }) => results[at] }),
  );
  const answer = flow.step('answer', llm({ model: heard, memory: 'chat' }), {});
  flow.link(look, answer, { isToolResult: true });
  await flow.output({ text: answer.out.text }).complete({});
  const parts = (heard.calls[1] as ChatCall).messages.flatMap(({ content }) => content);
  expect(parts.flatMap((part) => (part.type === 'tool-result' ? [part.output] : []))).toEqual([
    [['a', [1]]],
    [[1, 'b']],
    { part: [104, 105] },
    ['RangeError: too far', '1970-01-01T00:00:00.000Z', 'https://a.b/c'],
  ]);
});

test('7.5 a tool at a link whose result is no JSON has failed, and the next model is told', async () => {
  const counting = scriptedModel([
    { marbles: '(a|)', values: { a: { tool: 'count', input: {} } } },
    { marbles: '(a|)', values: { a: 'So be it.' } },
  ]);
  const flow = new Flow('bigint');
  const ask = flow.step('ask', llm({ model: counting, memory: 'chat' }), { prompt: 'Go.' });
  const count = flow.tool(ask, 'count', () => 1n);
  const answer = flow.step('answer', llm({ model: counting, memory: 'chat' }), {});
  flow.link(count, answer, { isToolResult: true });
  const { output } = await flow.output({ text: answer.out.text }).complete({});
  expect(output.text).toBe('So be it.');
  const parts = (counting.calls[1] as ChatCall).messages.flatMap(({ content }) => content);
  expect(parts.find(({ type }) => type === 'tool-result')).toMatchObject({ isError: true });
});
