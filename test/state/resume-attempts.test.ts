/** Runs that go on while a step with steps below it is tried again. */
import {
  type Commit,
  type CompiledFlow,
  defineStep,
  each,
  Flow,
  listOf,
  MemorySaver,
  type Run,
  repeat,
  runStep,
  type Saver,
  type Snapshot,
  type StepContext,
  together,
  type Usage,
} from 'millrace';
import { agent, type ChatCall, llm, type Message, messageText } from 'millrace/llm';
import { scriptedModel } from 'millrace/testing';
import {
  concat,
  filter,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  type Observable,
  type ObservableInput,
  throwError,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';

const whole = <T>(source: ObservableInput<T>): Promise<T[]> =>
  lastValueFrom(from(source).pipe(toArray()));

/** A saver in which the run stands as its process left it that died after so many commits. */
async function diedAfter(saver: Saver, runId: string, commits: number): Promise<Saver> {
  const { flow, input } = (await firstValueFrom(from(saver.load(runId)))) as Snapshot;
  const died = new MemorySaver();
  await whole(died.claim({ runId, flow, input, t: 0 }));
  const history: Commit[] = await whole(saver.history(runId));
  await whole(died.save(from(history.slice(0, commits))));
  return died;
}

/** Runs a flow, and then resumes it from the state after each of its commits. */
async function fromEachCommit(
  make: () => CompiledFlow<object, unknown>,
  check: (output: unknown) => void,
): Promise<number> {
  const saver = new MemorySaver();
  check((await make().complete({}, { id: 'r', saver })).output);
  const { length } = await whole(saver.history('r'));
  for (let commits = 1; commits < length; commits++) {
    const died = await diedAfter(saver, 'r', commits);
    check(await make().resume('r', { saver: died }).result);
  }
  return length;
}

/** A flow whose second step notes what the first one gave, and whose third one fails at odd values of it. */
function retried(calls: string[] = []) {
  let made = 0;
  const inner = new Flow('inner');
  const a = inner.step('a', async () => calls.push('a') && ++made, {});
  const b = inner.step('b', async ({ a }: { a: number }) => calls.push('b') && a, { a: a.out });
  const c = inner.step(
    'c',
    async ({ a, b }: { a: number; b: number }) => {
      calls.push('c');
      if (a % 2) throw new Error('odd');
      return [a, b];
    },
    { a: a.out, b: b.out },
  );
  const flow = new Flow('outer');
  const s = flow.step('s', inner.output({ c: c.out }), {}, { retry: { count: 3 } });
  return flow.output({ c: s.out.c });
}

test('5.9 wherever a run stops, its steps see results of one attempt of the flow around them', async () => {
  const commits = await fromEachCommit(retried, (output) => {
    const [a, b] = (output as { c: number[] }).c;
    expect(b).toBe(a);
  });
  expect(commits).toBeGreaterThan(15);
});

test('5.9 wherever a run stops, a round of repeat() follows from the round before it', async () => {
  let made = 0;
  let before = 0;
  let fails = 1;
  const make = () => {
    before = made;
    const flow = new Flow('outer');
    const add = async ({ all }: { all: readonly number[] }) => {
      if (all.length === 2 && fails-- > 0) throw new Error('down');
      return { all: [...all, ++made] };
    };
    const s = flow.step(
      's',
      repeat(add, { while: ({ all }) => all.length < 4, max: 9 }),
      { all: [] as number[] },
      { retry: { count: 1 } },
    );
    return flow.output({ all: s.out.all });
  };
  await fromEachCommit(make, (output) => {
    const { all } = output as { all: number[] };
    expect(all).toHaveLength(4);
    // Of the rounds of this process none was in vain, but for those before its failure.
    const own = all.filter((number) => number > before);
    expect(own).toEqual(own.map((_, i) => made - own.length + 1 + i));
    if (before > 0) expect(own).toHaveLength(made - before);
  });
});

test('5.9, 7.6 wherever a run stops, a turn of an agent follows from the turn before it', async () => {
  let asked = 0;
  let fails = 1;
  const make = () => {
    const model = (call: ChatCall) => {
      const results = call.messages.filter(({ role }) => role === 'tool').length;
      if (results === 2 && fails-- > 0) throw new Error('down');
      const a = results < 3 ? { tool: 'next', input: { after: ++asked } } : 'done';
      return scriptedModel([{ marbles: '(a|)', values: { a } }])(call);
    };
    const next = { handler: ({ after }: { after: number }) => after };
    const flow = new Flow('outer');
    const s = flow.step(
      's',
      agent({ model, tools: { next: next as never } }),
      { prompt: 'Go.' },
      { retry: { count: 1 } },
    );
    return flow.output({ messages: s.out.messages });
  };
  await fromEachCommit(make, (output) => {
    const { messages } = output as { messages: { content: Record<string, unknown>[] }[] };
    const parts = messages.flatMap(({ content }) => content);
    const called = parts.filter(({ type }) => type === 'tool-call').map(({ input }) => input);
    const heard = parts.filter(({ type }) => type === 'tool-result').map((part) => part['output']);
    expect(called).toHaveLength(3);
    expect(heard).toEqual(called.map((input) => (input as { after: number }).after));
    expect([...heard].sort((x, y) => Number(x) - Number(y))).toEqual(heard);
  });
});

test('5.9, 7.2 wherever a run stops, what an agent that is a tool has added to the memory is kept, once and in its place', async () => {
  const make = () => {
    const model = (call: ChatCall) => {
      const results = call.messages.filter(({ role }) => role === 'tool').length;
      const calls = { a: { tool: 'aid', input: {} }, b: { tool: 'broken', input: {} } };
      return results < 2
        ? scriptedModel([{ marbles: '(ab|)', values: calls }])(call)
        : scriptedModel([{ marbles: '(a|)', values: { a: 'done' } }])(call);
    };
    const inner = new Flow('inner');
    const told = inner.step('told', llm({ model: scriptedModel(() => '(x|)'), memory: 'chat' }), {
      prompt: 'Help.',
    });
    const aid = inner.output({ text: told.out.text });
    const broken = { handler: () => Promise.reject(new Error('down')) };
    const flow = new Flow('outer');
    const tools = { aid, broken: broken as never };
    const s = flow.step('s', agent({ model, tools, memory: 'chat' }), { prompt: 'Go.' });
    return flow.output({ text: s.out.text });
  };
  const memoryOf = async (saver: Saver) =>
    (await firstValueFrom(listOf<Message>(saver, 'r', 'chat'))).map(messageText);
  const saver = new MemorySaver();
  await make().complete({}, { id: 'r', saver });
  const memory = await memoryOf(saver);
  expect(memory).toEqual(['Help.', 'x', 'Help.', 'x', 'Go.', '', '', '', '', 'done']);
  const { length } = await whole(saver.history('r'));
  for (let commits = 1; commits < length; commits++) {
    const died = await diedAfter(saver, 'r', commits);
    await make().resume('r', { saver: died }).result;
    expect(await memoryOf(died)).toEqual(memory);
  }
});

test('3.3, 5.9 a flow that is tried again in a resumed run is run again, all of it', async () => {
  const calls: string[] = [];
  const flow = retried(calls);
  const saver = new MemorySaver();
  await flow.complete({}, { id: 'r', saver });
  const stored = await whole(saver.history('r'));
  const failing = stored.findIndex(({ snapshot }) => snapshot.steps['s.c']);
  const died = await diedAfter(saver, 'r', failing + 1);
  calls.length = 0;
  expect(await retried(calls).resume('r', { saver: died }).result).toEqual({ c: [2, 2] });
  expect(calls.join(' ')).toBe('c a b c a b c');
});

test('5.2 what was below a step before its last attempt is not in its state any more', async () => {
  const { snapshot } = await retried().complete({});
  expect(snapshot.steps['s']).toMatchObject({ status: 'success', attempts: 2 });
  const run = retried().start({});
  const below: string[][] = [];
  run.events$.subscribe(({ type }) => {
    if (type === 'STEP_RETRY') below.push(Object.keys(run.getSnapshot().steps));
  });
  await run.result;
  expect(below).toEqual([['s']]);
});

test('5.2, 5.9 nor is what ended before the run went on, where that attempt fails', async () => {
  let attempts = 0;
  const flow = new Flow('fewer');
  const items = [[1, 2, 3], [1, 2, 3], [1]];
  const count = defineStep({ run: ({ i }: { i: number }) => i });
  const code = (_: object, context: StepContext): Observable<unknown> => {
    const attempt = attempts++;
    const below = together(
      (items[attempt] ?? []).map((i) => runStep(count, { i }, context, `[${i}]`)),
    );
    if (attempt === 0) return concat(below, NEVER);
    return attempt === 1
      ? concat(
          below,
          throwError(() => new Error('once')),
        )
      : below;
  };
  flow.step('a', code, {}, { retry: { count: 1 } });
  const compiled = flow.output({});
  const saver = new MemorySaver();
  const run = compiled.start({}, { saver });
  await firstValueFrom(run.state$.pipe(filter(({ steps }) => steps['a[3]']?.status === 'success')));
  run.cancel();
  await expect(run.result).rejects.toMatchObject({ code: 'cancelled' });
  const resumed = compiled.resume(run.id, { saver });
  await resumed.result;
  expect(Object.keys(resumed.getSnapshot().steps)).toEqual(['a', 'a[1]']);
});

test('5.9 of many flows that are tried again in a resumed run each forgets what it did itself, and nothing else', async () => {
  const count = 500;
  const calls = { a: 0, b: 0 };
  let isStuck = true;
  const make = () => {
    const inner = new Flow('inner');
    const a = inner.step('a', () => ++calls.a, {});
    const b = inner.step(
      'b',
      ({ a }: { a: number }) => {
        calls.b++;
        if (isStuck) return NEVER;
        if (a <= count) throw new Error('down');
        return [a];
      },
      { a: a.out },
    );
    const outer = new Flow('outer');
    const s = outer.step('s', inner.output({ b: b.out }), {}, { retry: { count: 1 } });
    const item = outer.output({ b: s.out.b });
    const flow = new Flow('top');
    return flow.output({ all: flow.step('all', each(item), { items: Array(count).fill({}) }).out });
  };
  const saver = new MemorySaver();
  const run = make().start({}, { id: 'r', saver });
  run.cancel();
  await expect(run.result).rejects.toThrow();
  expect(calls).toEqual({ a: count, b: count });
  isStuck = false;
  const { all } = (await make().resume('r', { saver }).result) as { all: { b: number[] }[] };
  expect(calls).toEqual({ a: 2 * count, b: 3 * count });
  expect(all.map(({ b }) => b[0])).toEqual(Array.from({ length: count }, (_, i) => count + i + 1));
});

test('5.9 a run that goes on counts what void attempts have used, wherever it stopped', async () => {
  let calls = 0;
  const spend = defineStep({ run: async () => ++calls, usage: () => ({ input: 20 }) });
  const make = () => {
    let fails = 2;
    const inner = new Flow('inner');
    const a = inner.step('a', spend, {});
    const b = inner.step('b', spend, { a: a.out });
    const fail = ({ b }: { b: number }) => {
      if (fails-- > 0) throw new Error('down');
      return b;
    };
    const c = inner.step('c', fail, { b: b.out });
    const item = new Flow('item');
    const s = item.step('s', inner.output({ c: c.out }), {}, { retry: { count: 2 } });
    const flow = new Flow('outer');
    const all = flow.step('all', each(item.output({ c: s.out.c })), { items: [{}] });
    return flow.output({ all: all.out });
  };
  const usageOf = async (run: Run<unknown>) => {
    const [event] = await whole(run.events$.pipe(filter(({ type }) => type === 'FLOW_OUTPUT')));
    return (event as { readonly usage?: Usage }).usage?.['input'];
  };
  const saver = new MemorySaver();
  expect(await usageOf(make().start({}, { id: 'r', saver }))).toBe(120);
  const stored = await whole(saver.history('r'));
  let used = 0;
  for (let commits = 1; commits < stored.length; commits++) {
    const { patches } = stored[commits - 1] as Commit;
    for (const { op, path } of patches) if (op === 'add' && path.at(-1) === 'usage') used += 20;
    const died = await diedAfter(saver, 'r', commits);
    calls = 0;
    const told = await usageOf(make().resume('r', { saver: died }));
    expect({ commits, told }).toEqual({ commits, told: used + 20 * calls });
    const { steps } = (await firstValueFrom(from(died.load('r')))) as Snapshot;
    const kept = Object.values(steps).flatMap(({ usage, spent }) => [usage, spent]);
    expect(kept.reduce((sum, each) => sum + (each?.['input'] ?? 0), 0)).toBe(told);
  }
  expect(used).toBe(120);
});
