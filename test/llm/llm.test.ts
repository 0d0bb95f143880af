/** LLM steps in flows: chunks, results, structured answers, memory. */
import { Flow, type FlowEvent, isRestart, listOf, MemorySaver, type Ref } from 'millrace';
import {
  agent,
  assemble,
  type ChatChunk,
  type ChatModel,
  llm,
  type Message,
  messageText,
  tool,
} from 'millrace/llm';
import { firstValueFrom, map, type Observable, of, scan, toArray } from 'rxjs';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { model, said } from './script.ts';

const text = (options: Parameters<typeof llm>[0]) => {
  const flow = new Flow<{ prompt: string }>('one');
  const gist = flow.step('gist', llm(options), { prompt: flow.input.prompt });
  return flow.output({ text: gist.out.text });
};

test('7.1 the result has text, parts, usage, the reason and what was added to the conversation', async () => {
  const flow = new Flow('whole');
  const gist = flow.step(
    'gist',
    llm({ model: model({ text: ['Hel', 'lo'] }), system: 'Be brief.' }),
    { prompt: 'Greet.' },
  );
  const { output } = await flow.output({ all: gist.out }).complete({});
  expect(output.all).toMatchObject({
    text: 'Hello',
    parts: [{ type: 'text', text: 'Hello' }],
    toolCalls: [],
    finishReason: 'stop',
    usage: { input: 10, output: 5 },
  });
  expect(output.all.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
});

test('7.1 an LLM step of a synchronous model is synchronous, and its chunks are texts that another step reads', () => {
  const flow = new Flow<{ prompt: string }>('stream');
  const gist = flow.step('gist', llm({ model: model({ text: ['one ', 'two '] }) }), {
    prompt: flow.input.prompt,
  });
  const sung = flow.step(
    'sung',
    ({ text }: { text: Observable<string> }) =>
      text.pipe(scan((all, each) => `${all}♪${each}`, '')),
    { text: gist.chunks },
  );
  const seen: string[] = [];
  flow
    .output({ sung: sung.out })
    .run({ prompt: 'sing' })
    .subscribe((event) => {
      if (event.type === 'STEP_CHUNK') seen.push(`${event.path}: ${String(event.chunk)}`);
      if (event.type === 'FLOW_OUTPUT') seen.push(JSON.stringify(event.output));
    });
  expect(seen).toEqual([
    'gist: one ',
    'sung: ♪one ',
    'gist: two ',
    'sung: ♪one ♪two ',
    '{"sung":"♪one ♪two "}',
  ]);
});

test('7.1 with chunks: all, the chunks are those of the model', async () => {
  const flow = new Flow('all');
  const gist = flow.step('gist', llm({ model: model('hi'), chunks: 'all' }), { prompt: 'x' });
  const kinds = flow.step(
    'kinds',
    ({ chunks }: { chunks: Observable<ChatChunk> }) =>
      chunks.pipe(
        map(({ type }) => type),
        toArray(),
      ),
    { chunks: gist.chunks },
  );
  const { output } = await flow.output({ kinds: kinds.out }).complete({});
  expect(output.kinds).toEqual(['text', 'finish']);
});

test('4.1 the usage of all LLM steps is summed up over the run', async () => {
  const events = await firstValueFrom(
    text({ model: model('hi') })
      .run({ prompt: 'x' })
      .pipe(toArray()),
  );
  expect(events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', usage: { input: 10, output: 5 } });
});

test('7.1 sampling settings go to the model as they are', async () => {
  const heard = model('hi');
  await text({
    model: heard,
    temperature: 0,
    maxTokens: 9,
    seed: 1,
    stop: ['.'],
    providerOptions: { openai: { store: false } },
  }).complete({ prompt: 'x' });
  expect(heard.calls[0]).toEqual({
    messages: [expect.objectContaining({ role: 'user' })],
    temperature: 0,
    maxTokens: 9,
    seed: 1,
    stop: ['.'],
    providerOptions: { openai: { store: false } },
  });
});

test('1.7 a prompt that looks like a template or a key stays text', async () => {
  const heard = model('ok', 'ok');
  const flow = text({ model: heard, system: '{{gist.return}}' });
  await flow.complete({ prompt: '{{prompt}} gist.return $input' });
  expect(heard.calls.map(said)).toEqual([
    ['system: {{gist.return}}', 'user: {{prompt}} gist.return $input'],
  ]);
});

test('3.5 cancelling a run unsubscribes from its model', async () => {
  let stopped = 0;
  const { Observable: Source } = await import('rxjs');
  const run = text({ model: () => new Source(() => () => void stopped++) })
    .run({ prompt: 'x' })
    .subscribe();
  run.unsubscribe();
  expect(stopped).toBe(1);
});

test('7.1 a step with nothing to say fails with the remedy', async () => {
  const flow = new Flow('silent');
  const gist = flow.step('gist', llm({ model: model('hi') }), {});
  await expect(flow.output({ text: gist.out.text }).complete({})).rejects.toThrow(
    'has nothing to say to its model. Give it a "prompt" or "messages"',
  );
});

test('1.11 what is no param of an LLM step is refused before a run', () => {
  const flow = new Flow('typo');
  // @ts-expect-error there is no such param
  const gist = flow.step('gist', llm({ model: model('hi') }), { promt: 'x' });
  expect(() => flow.output({ text: gist.out.text })).toThrow('gist.promt');
});

const Score = z.object({ score: z.number().min(0).max(1) });

test('7.7 a schema is sent to the model, and the object is what it made of the answer', async () => {
  const heard = model('```json\n{"score": 0.5}\n```');
  const flow = new Flow('scored');
  const gist = flow.step('gist', llm({ model: heard, schema: Score }), { prompt: 'Rate it.' });
  const { output } = await flow.output({ score: gist.out.object.score }).complete({});
  expectTypeOf(output.score).toEqualTypeOf<number>();
  expect(output.score).toBe(0.5);
  expect(heard.calls[0]?.response).toMatchObject({
    schema: { properties: { score: { type: 'number' } } },
  });
});

test('7.7 a violation is returned to the model, and readers of the chunks learn that they are void', async () => {
  const heard = model('{"score": 7}', '{"score": 1}');
  const flow = new Flow('repaired');
  const gist = flow.step('gist', llm({ model: heard, schema: Score, memory: 'chat' }), {
    prompt: 'Rate it.',
  });
  const seen = flow.step(
    'seen',
    ({ chunks }: { chunks: Observable<unknown> }) =>
      chunks.pipe(
        map((chunk) => (isRestart(chunk) ? 'void' : chunk)),
        toArray(),
      ),
    { chunks: gist.chunks },
  );
  const { output, snapshot } = await flow
    .output({ object: gist.out.object, seen: seen.out, usage: gist.out.usage })
    .complete({});
  expect(output).toMatchObject({
    object: { score: 1 },
    seen: ['{"score": 7}', 'void', '{"score": 1}'],
    usage: { input: 20 },
  });
  expect(said(heard.calls[1] as never).at(-1)).toContain('score: ');
  expect(JSON.stringify(snapshot.data)).not.toContain('{\\"score\\": 7}');
});

test('7.7 after the last repair the step fails with every issue', async () => {
  const flow = new Flow('unfit');
  const gist = flow.step(
    'gist',
    llm({ model: model('no', 'no', 'no'), schema: Score, repair: 2 }),
    { prompt: 'x' },
  );
  await expect(flow.output({ object: gist.out.object }).complete({})).rejects.toThrow(
    'the answer: is not JSON',
  );
});

const chat = (make: ReturnType<typeof model>, window?: number) => {
  const flow = new Flow<{ prompt: string }>('chat');
  const reply = flow.step(
    'reply',
    llm({ model: make, memory: 'chat', ...(window !== undefined && { window }) }),
    { prompt: flow.input.prompt },
  );
  return flow.output({ text: reply.out.text });
};

async function talk(flow: ReturnType<typeof chat>, saver: MemorySaver, prompts: readonly string[]) {
  let parentId: string | undefined;
  for (const prompt of prompts) {
    const { runId } = await flow.complete(
      { prompt },
      { saver, ...(parentId !== undefined && { parentId }) },
    );
    parentId = runId;
  }
  return parentId as string;
}

const textsOf = (messages: readonly Message[]) => messages.map(messageText);

test('7.2 memory is inherited through parentId, and a run can be continued more than once', async () => {
  const saver = new MemorySaver();
  const heard = model('A', 'B', 'C', 'D');
  const flow = chat(heard);
  const first = (await flow.complete({ prompt: 'a' }, { saver })).runId;
  const second = (await flow.complete({ prompt: 'b' }, { saver, parentId: first })).runId;
  await flow.complete({ prompt: 'c' }, { saver, parentId: second });
  await flow.complete({ prompt: 'd' }, { saver, parentId: first });
  expect(heard.calls.map((call) => said(call).length)).toEqual([1, 3, 5, 3]);
  expect(said(heard.calls[3] as never)).toEqual(['user: a', 'assistant: A', 'user: d']);
  const list = await firstValueFrom(listOf<Message>(saver, second, 'chat'));
  expect(textsOf(list)).toEqual(['a', 'A', 'b', 'B']);
});

test('7.2 a window cuts the memory at a turn of the user; 0 is none', async () => {
  const saver = new MemorySaver();
  const heard = model(() => 'ok');
  const parentId = await talk(chat(heard), saver, ['a', 'b', 'c']);
  for (const [window, count] of [
    [0, 1],
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 5],
  ] as const) {
    heard.calls.length = 0;
    await chat(heard, window).complete({ prompt: 'z' }, { saver, parentId });
    expect([window, said(heard.calls[0] as never).length]).toEqual([window, count]);
  }
});

test('7.2 a failed LLM leaves the memory as it was, a cancelled one too', async () => {
  const saver = new MemorySaver();
  const heard = model(
    'A',
    { text: 'half', error: new Error('overloaded') },
    { text: 'half', hangs: true },
  );
  const flow = chat(heard);
  const parentId = await talk(flow, saver, ['a']);
  await expect(flow.complete({ prompt: 'b' }, { saver, parentId, id: 'failed' })).rejects.toThrow(
    'overloaded',
  );
  const run = flow.start({ prompt: 'c' }, { saver, parentId, id: 'cancelled' });
  run.result.catch(() => undefined);
  run.cancel();
  await run.result.catch(() => undefined);
  for (const id of ['failed', 'cancelled']) {
    const list = await firstValueFrom(listOf<Message>(saver, id, 'chat'));
    expect([id, textsOf(list)]).toEqual([id, ['a', 'A']]);
  }
});

test('7.2 what LLMs before a failed one have said is remembered, once, also when the run is resumed', async () => {
  const saver = new MemorySaver();
  let fails = true;
  const first = model('A');
  const second = model(() => (fails ? { error: new Error('overloaded') } : 'B'));
  const flow = new Flow('two');
  const a = flow.step('a', llm({ model: first, memory: 'chat' }), { prompt: 'a' });
  const b = flow.step('b', llm({ model: second, memory: 'chat' }), { prompt: 'b' }, { after: [a] });
  const both = flow.output({ b: b.out.text }).with({ saver });
  await expect(both.complete({}, { id: 'r' })).rejects.toThrow('overloaded');
  expect(textsOf(await firstValueFrom(listOf<Message>(saver, 'r', 'chat')))).toEqual(['a', 'A']);
  fails = false;
  await both.resume('r').result;
  expect(said(second.calls[1] as never)).toEqual(['user: a', 'assistant: A', 'user: b']);
  expect(textsOf(await firstValueFrom(listOf<Message>(saver, 'r', 'chat')))).toEqual([
    'a',
    'A',
    'b',
    'B',
  ]);
  const { runId } = await both.fork('r', { edit: {} }).result.then(() => ({ runId: 'r' }));
  expect(runId).toBe('r');
});

test('7.2 an LLM hears those before it in the graph, and never one beside it', async () => {
  const models = { a: model('A'), b: model({ text: 'B', async: true }), c: model('C') };
  const flow = new Flow('diamond');
  const a = flow.step('a', llm({ model: models.a, memory: 'chat' }), { prompt: 'a' });
  const b = flow.step('b', llm({ model: models.b, memory: 'chat' }), { prompt: 'b' });
  const c = flow.step(
    'c',
    llm({ model: models.c, memory: 'chat' }),
    { prompt: 'c' },
    { after: [a, b] },
  );
  const saver = new MemorySaver();
  const { runId } = await flow.output({ c: c.out.text }).complete({}, { saver });
  expect(said(models.b.calls[0] as never)).toEqual(['user: b']);
  expect(said(models.c.calls[0] as never)).toEqual([
    'user: a',
    'assistant: A',
    'user: b',
    'assistant: B',
    'user: c',
  ]);
  expect(textsOf(await firstValueFrom(listOf<Message>(saver, runId, 'chat')))).toEqual([
    'a',
    'A',
    'b',
    'B',
    'c',
    'C',
  ]);
});

test('7.2 a reader of chunks does not hear the LLM that still speaks', async () => {
  const echo = model('E');
  const flow = new Flow('overlap');
  const a = flow.step(
    'a',
    llm({ model: model({ text: ['x', 'y'], async: true }), memory: 'chat' }),
    { prompt: 'a' },
  );
  const b = flow.step('b', llm({ model: echo, memory: 'chat' }), {
    prompt: 'b',
    messages: a.chunks as never,
  });
  await flow
    .output({ b: b.out.text })
    .complete({})
    .catch(() => undefined);
  expect(echo.calls.length).toBeLessThanOrEqual(1);
});

test('7.2 memory reaches into flows, items of each and flows with settings, in the order of the graph', async () => {
  const { each } = await import('millrace');
  const heard = model((call) => `R${said(call).at(-1)?.slice(6)}`);
  const speak = llm({ model: heard, memory: 'chat' });
  const inner = new Flow<{ prompt: string }>('inner');
  const x = inner.step('x', speak, { prompt: inner.input.prompt });
  const sub = inner.output({ text: x.out.text });
  const flow = new Flow('outer');
  const a = flow.step('a', speak, { prompt: 'a' });
  const b = flow.step('b', sub, { prompt: 'b' }, { after: [a] });
  const c = flow.step('c', sub, { prompt: 'c' }, { after: [b], retry: { count: 1 } });
  const d = flow.step(
    'd',
    each(speak),
    { items: [{ prompt: 'd0' }, { prompt: 'd1' }] },
    { after: [c] },
  );
  const e = flow.step('e', each(sub), { items: [{ prompt: 'e0' }] }, { after: [d] });
  const saver = new MemorySaver();
  const { runId } = await flow.output({ e: e.out }).complete({}, { saver });
  const prompts = textsOf(await firstValueFrom(listOf<Message>(saver, runId, 'chat')));
  expect(prompts).toEqual(['a', 'Ra', 'b', 'Rb', 'c', 'Rc', 'd0', 'Rd0', 'd1', 'Rd1', 'e0', 'Re0']);
  expect(heard.calls.map((call) => said(call).length)).toEqual([1, 3, 5, 7, 7, 11]);
});

test('5.1 what a step adds to memory is part of its state, and of the fold of events', async () => {
  const flow = chat(model('A'));
  const events: FlowEvent[] = await firstValueFrom(flow.run({ prompt: 'a' }).pipe(toArray()));
  const output = events.find(({ type, path }) => type === 'STEP_OUTPUT' && path === 'reply');
  expect(output).toMatchObject({ adds: { chat: [{ role: 'user' }, { role: 'assistant' }] } });
  expect(events.at(-1)).toMatchObject({ data: { chat: { '~list': 1, added: 2 } } });
});

test('6.5 in a live flow a newer prompt cancels the request of the older one', async () => {
  const { Observable: Source, Subject } = await import('rxjs');
  let stopped = 0;
  const prompts = new Subject<{ prompt: string }>();
  const slow = (call: Parameters<ReturnType<typeof model>>[0]) =>
    said(call)[0] === 'user: slow'
      ? new Source<ChatChunk>(() => () => void stopped++)
      : model('quick')(call);
  const flow = new Flow<{ prompt: string }>('live');
  const gist = flow.step('gist', llm({ model: slow, memory: 'chat' }), {
    prompt: flow.input.prompt,
  });
  const outputs: unknown[] = [];
  flow
    .output({ text: gist.out.text })
    .live(prompts)
    .output$.subscribe((output) => outputs.push(output));
  prompts.next({ prompt: 'slow' });
  prompts.next({ prompt: 'fast' });
  expect([stopped, outputs]).toEqual([1, [{ text: 'quick' }]]);
});

test.each(['text', 'all'] as const)(
  '5.9 a reader of the chunks of an LLM step that had ended gets chunks of the same kind when the run is resumed: %s',
  async (chunks) => {
    const usage = { input: 1, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
    let asked = 0;
    const model: ChatModel = () =>
      ++asked === 1
        ? of<ChatChunk[]>(
            { type: 'text', text: 'I ' },
            { type: 'text', text: 'look.' },
            { type: 'tool-call', id: '1', name: 'look', input: '{"at":"it"}' },
            { type: 'finish', reason: 'tool-calls', usage },
          )
        : of<ChatChunk[]>(
            { type: 'text', text: 'Seen.' },
            { type: 'finish', reason: 'stop', usage },
          );
    let isBroken = true;
    const flow = new Flow('read');
    const look = tool(() => 'a mill', { input: z.object({ at: z.string() }) });
    const tale = flow.step('tale', agent({ model, chunks, tools: { look } }), { prompt: 'Go.' });
    const reader = flow.step(
      'reader',
      ({ told }) =>
        told.pipe(
          toArray(),
          map((all) => {
            if (isBroken) throw new Error('down');
            return all;
          }),
        ),
      { told: tale.chunks as Ref<Observable<unknown>> },
    );
    const compiled = flow.output({ all: reader.out }).with({ saver: new MemorySaver() });
    const run = compiled.start({});
    await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
    isBroken = false;
    const { all } = await compiled.resume(run.id).result;
    expect(asked).toBe(2);
    if (chunks === 'text') expect(all).toEqual(['I look.', 'Seen.']);
    else {
      const answer = assemble(all as ChatChunk[]);
      expect(answer.message.content).toEqual([
        { type: 'text', text: 'I look.' },
        { type: 'tool-call', id: '1', name: 'look', input: { at: 'it' } },
        { type: 'text', text: 'Seen.' },
      ]);
      expect(answer).toMatchObject({ reason: 'stop', usage: { input: 2, output: 4 } });
    }
  },
);

test('4.1, 5.9 the usage of a run that goes on is that of all of it', async () => {
  const usage = { input: 3, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
  const model: ChatModel = () =>
    of<ChatChunk[]>({ type: 'text', text: 'So.' }, { type: 'finish', reason: 'stop', usage });
  let isBroken = true;
  const flow = new Flow('two');
  const first = flow.step('first', llm({ model }), { prompt: 'Go.' });
  const between = flow.step(
    'between',
    ({ text }) => {
      if (isBroken) throw new Error('down');
      return text;
    },
    { text: first.out.text },
  );
  const second = flow.step('second', llm({ model }), { prompt: between.out });
  const compiled = flow.output({ text: second.out.text }).with({ saver: new MemorySaver() });
  const run = compiled.start({});
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  isBroken = false;
  const used = async (events$: Observable<FlowEvent>) =>
    (await firstValueFrom(events$.pipe(toArray()))).find(({ type }) => type === 'FLOW_OUTPUT');
  expect(await used(compiled.resume(run.id).events$)).toMatchObject({
    usage: { input: 6, output: 4 },
  });
  expect(await used(compiled.fork(run.id).events$)).toMatchObject({
    usage: { input: 6, output: 4 },
  });
});

test('7.1 a chunk that cannot be read fails the step, and nothing beside it', async () => {
  const call = { type: 'tool-call', id: 'a', name: 'search', input: { query: 'mills' } };
  for (const make of [llm, agent]) {
    const broken = (() => of(call)) as unknown as ChatModel;
    const flow = new Flow('broken');
    const asked = flow.step('asked', make({ model: broken }), { prompt: 'Go.' });
    const run = flow.output({ text: asked.out.text }).complete({});
    await expect(run).rejects.toMatchObject({ code: 'run-failed' });
  }
});
