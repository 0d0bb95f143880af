import { Flow, FlowError, type FlowEvent, MemorySaver, orElse, type RunOptions } from 'millrace';
import {
  EMPTY,
  firstValueFrom,
  type MonoTypeOperatorFunction,
  NEVER,
  take,
  timer,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  endings,
  errorOf,
  failing,
  lines,
  listen,
  outputOf,
  rejection,
  starts,
  virtually,
} from './told.ts';

const one = () => 1;

function tree() {
  const flow = new Flow('tree');
  const a = flow.step('a', () => 'a', {});
  const b = flow.step('b', ({ x }: { x: string }) => `${x}b`, { x: a.out });
  const c = flow.step('c', ({ x }: { x: string }) => `${x}c`, { x: a.out });
  const d = flow.step('d', () => 'd', {});
  flow.step('side', one, {}, { after: [d] });
  return flow.output({ b: b.out, c: c.out, d: d.out, fixed: 7 });
}

test('2.15 outputs: only the steps that these need are run, the rest is skipped as not-needed', () => {
  const told = atOnce(tree(), {}, { outputs: ['b'] });
  expect(endings(told)).toEqual({
    a: 'success',
    b: 'success',
    c: 'not-needed',
    d: 'not-needed',
    side: 'not-needed',
  });
  expect(outputOf(told)).toEqual({ b: 'ab' });
  expect(outputOf(atOnce(tree(), {}, { outputs: ['c', 'fixed'] }))).toEqual({ c: 'ac', fixed: 7 });
});

test('2.15 outputs: an empty list needs nothing', () => {
  const told = atOnce(tree(), {}, { outputs: [] });
  expect(new Set(Object.values(endings(told)))).toEqual(new Set(['not-needed']));
  expect(outputOf(told)).toEqual({});
});

test('2.15 without outputs every step runs, those on the side too', () => {
  expect(endings(atOnce(tree(), {}))['side']).toBe('success');
});

test('2.15 outputs: steps that a condition, a link or a template needs are needed', () => {
  const flow = new Flow('needs');
  const judge = flow.step('judge', one, {});
  const before = flow.step('before', one, {});
  const inner = flow.step('inner', one, {});
  const a = flow.step(
    'a',
    (_: { deep: unknown }) => 1,
    { deep: { list: [inner.out] } },
    {
      after: [before],
      when: { op: 'eq', left: { key: 'judge.return' }, right: 1 },
    },
  );
  flow.step('other', one, {}, { after: [judge] });
  expect(endings(atOnce(flow.output({ a: a.out }), {}, { outputs: ['a'] }))).toEqual({
    judge: 'success',
    before: 'success',
    inner: 'success',
    a: 'success',
    other: 'not-needed',
  });
});

test('2.15 outputs: a flow used as a step is needed or not as a whole', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', one, {});
  inner.step('q', one, {});
  const compiled = inner.output({ p: p.out });
  const flow = new Flow('outer');
  const sub = flow.step('sub', compiled, {});
  const other = flow.step('other', compiled, {});
  const told = atOnce(flow.output({ p: sub.out.p, other: other.out }), {}, { outputs: ['p'] });
  expect(endings(told)).toEqual({
    'sub.p': 'success',
    'sub.q': 'success',
    sub: 'success',
    'other.p': 'not-needed',
    'other.q': 'not-needed',
    other: 'not-needed',
  });
});

test('2.15 outputs: a failure that no wanted output needs does not fail the run', () => {
  const flow = new Flow('failing');
  const a = flow.step('a', one, {});
  const bad = flow.step('bad', failing(), {});
  const compiled = flow.output({ a: a.out, bad: bad.out });
  expect(errorOf(atOnce(compiled, {}), 'run-failed').path).toBe('');
  expect(outputOf(atOnce(compiled, {}, { outputs: ['a'] }))).toEqual({ a: 1 });
});

test('2.15 concurrency: so many steps are at work at once, in the order in which they became ready', () => {
  const flow = new Flow('limited');
  for (const id of ['a', 'b', 'c', 'd', 'e']) flow.step(id, after(10, id), {});
  const compiled = flow.output({});
  expect(starts(virtually(compiled, {}, { concurrency: 2 }))).toEqual({
    a: 0,
    b: 0,
    c: 10,
    d: 10,
    e: 20,
  });
  expect(starts(virtually(compiled, {}, { concurrency: 1 }))).toEqual({
    a: 0,
    b: 10,
    c: 20,
    d: 30,
    e: 40,
  });
  expect(starts(virtually(compiled, {}))).toEqual({ a: 0, b: 0, c: 0, d: 0, e: 0 });
});

test('2.15 concurrency: steps of a flow used as a step count, the flow itself does not', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', after(10, 1), {});
  inner.step('q', after(10, 1), {}, { after: [p] });
  const flow = new Flow('outer');
  flow.step('sub', inner.output({}), {});
  flow.step('x', after(10, 1), {});
  expect(starts(virtually(flow.output({}), {}, { concurrency: 1 }))).toMatchObject({
    sub: 0,
    x: 0,
    'sub.p': 10,
    'sub.q': 20,
  });
});

test('2.15 concurrency 1 does not hang a consumer of a stream: it reads when the producer has ended', () => {
  const flow = new Flow('stream');
  const a = flow.step('a', () => timer(10), {});
  const b = flow.step('b', ({ source }: { source: unknown }) => source, { source: a.chunks });
  expect(outputOf(virtually(flow.output({ b: b.out }), {}, { concurrency: 1 }))).toEqual({ b: 0 });
});

test('2.15 concurrency: a step that waits for its retry holds no place', () => {
  const flow = new Flow('retry');
  let count = 0;
  flow.step(
    'a',
    () => {
      if (++count === 1) throw new Error('again');
      return timer(1);
    },
    {},
    { retry: { count: 1, delay: 100 } },
  );
  flow.step('b', after(10, 1), {});
  const told = virtually(flow.output({}), {}, { concurrency: 1 });
  expect(starts(told)).toEqual({ a: 0, b: 0 });
  expect(told.events.at(-1)?.t).toBe(101);
});

test('2.15 signal: aborting it cancels the run, with its reason', async () => {
  const flow = new Flow('signal');
  let inner: AbortSignal | undefined;
  flow.step(
    'a',
    (_: unknown, { signal }: { signal: AbortSignal }) => {
      inner = signal;
      return NEVER;
    },
    {},
  );
  const controller = new AbortController();
  const told = listen(flow.output({}).run({}, { signal: controller.signal }));
  controller.abort(new Error('user left'));
  expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
  expect(errorOf(told, 'cancelled').message).toBe(
    'The run of "signal" was cancelled: user left (cancelled)',
  );
  expect((errorOf(told).cause as Error).message).toBe('user left');
  expect(inner?.aborted).toBe(true);
});

test('2.15 signal: a run under a signal that has aborted starts no step', async () => {
  const flow = new Flow('aborted');
  let calls = 0;
  flow.step('a', () => ++calls, {});
  const compiled = flow.output({});
  const told = atOnce(compiled, {}, { signal: AbortSignal.abort('too late') });
  expect(lines(told)).toEqual(['FLOW_START', 'FLOW_CANCEL']);
  expect(
    FlowError.is(
      await rejection(compiled.complete({}, { signal: AbortSignal.abort() })),
      'cancelled',
    ),
  ).toBe(true);
  expect(calls).toBe(0);
});

test('2.15 signal: a run that has ended lets go of the signal', () => {
  const listeners = new Set<unknown>();
  const signal = new EventTarget() as AbortSignal;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: [string, never]) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, never]) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  atOnce(tree(), {}, { signal });
  expect(listeners.size).toBe(0);
});

test('2.15 id, parentId and metadata are told', () => {
  const told = atOnce(tree(), {}, { id: 'mine', metadata: { user: 'Ada', tags: ['x'] } });
  expect(told.events[0]).toMatchObject({ runId: 'mine', metadata: { user: 'Ada', tags: ['x'] } });
  expect(new Set(told.events.map(({ runId }) => runId))).toEqual(new Set(['mine']));
});

test.each<[string, unknown, string]>([
  ['concurrency', 0, 'is 0. It takes a whole number, 1 or more'],
  ['concurrency', 1.5, 'is 1.5'],
  ['concurrency', '2', 'is "2"'],
  ['onError', 'ignore', 'is "ignore". It takes "continue", "stop"'],
  ['durability', 'Sync', 'is "Sync". It takes "sync", "async", "exit"'],
  ['maxPending', -1, 'is -1. It takes a whole number, 0 or more'],
  ['saver', {}, 'is an object. It takes a saver'],
  ['clock', {}, 'is an object. It takes a clock'],
  ['logger', 5, 'is 5. It takes a logger'],
  ['gate', 'x', 'is "x". It takes a function'],
  ['outputs', 'b', 'is "b". It takes a list of names'],
  ['outputs', ['bb'], 'is "bb". It takes names of outputs: b, c, d, fixed'],
  ['signal', {}, 'an AbortSignal'],
  ['id', '', 'a text of 1 to 128 characters'],
  ['id', 7, 'a text of 1 to 128 characters'],
  ['id', 'run\0', 'without NUL or halves'],
  ['id', 'run\ud800', 'without NUL or halves'],
])('2.15 a bad option is refused at once, by name: %s %j', async (name, value, message) => {
  const options = { [name]: value } as RunOptions;
  const flow = tree();
  const refused = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return error;
    }
    return undefined;
  };
  for (const error of [
    refused(() => flow.run({}, options)) ?? listen(flow.run({}, options)).error,
    refused(() => flow.start({}, options)),
    await rejection(flow.complete({}, options)),
  ]) {
    expect(FlowError.is(error, 'invalid-option')).toBe(true);
    expect((error as Error).message).toContain(
      `The option "${name}" of a run of "tree" ${message.startsWith('is') ? message : ''}`,
    );
    expect((error as Error).message).toContain(message);
  }
});

test('2.15 an option that does not exist is refused at once, with what may have been meant', async () => {
  const wrong = { output: ['b'] } as RunOptions;
  const message =
    'There is no option "output" of a run of "tree". Did you mean "outputs"? It takes: id, ';
  const flow = tree();
  expect(() => flow.run({}, wrong)).toThrow(message);
  expect(() => flow.start({}, wrong)).toThrow(message);
  expect(() => flow.operator(wrong)).toThrow(message);
  expect(() => flow.live({}, wrong)).toThrow(message);
  expect(() => flow.with(wrong).run({})).toThrow(message);
  await expect(flow.complete({}, wrong)).rejects.toThrow(message);
  for (const name of ['answers', 'allowChanged', 'at', 'edit', 'equals', 'flatten'])
    expect(() => flow.run({}, { [name]: 1 } as RunOptions)).toThrow(`no option "${name}"`);
});

test('2.15 with() gives a copy with defaults, which a run may override', () => {
  const copy = tree().with({ outputs: ['b'], metadata: { by: 'default' } });
  expect(outputOf(atOnce(copy, {}))).toEqual({ b: 'ab' });
  expect(outputOf(atOnce(copy, {}, { outputs: ['d'] }))).toEqual({ d: 'd' });
  expect(outputOf(atOnce(tree(), {}))).toHaveProperty('c');
});

test('3.1 onError stop cancels what is at work and fails the run with every failed step', () => {
  const flow = new Flow('stop');
  const seen: string[] = [];
  flow.step('slow', () => timer(100), {});
  const a = flow.step('a', failing('first', 10), {});
  const b = flow.step('b', () => 1, {}, { after: ['slow'].map((id) => ({ ...a, id })) });
  const told = virtually(flow.output({ b: orElse(b.out, 0) }), {}, { onError: 'stop' });
  expect(lines(told)).toEqual([
    'FLOW_START',
    'STEP_START a',
    'STEP_START slow',
    'STEP_OUTPUT a',
    'FLOW_ERROR',
  ]);
  expect(told.events.at(-1)?.t).toBe(10);
  expect(errorOf(told, 'run-failed').errors).toMatchObject([{ path: 'a', code: 'step-failed' }]);
  expect(seen).toEqual([]);
});

test('3.1 onError stop: a failure that a fallback answers stops nothing', () => {
  const flow = new Flow('fallback');
  const a = flow.step('a', failing(), {}, { fallback: 5 });
  expect(outputOf(atOnce(flow.output({ a: a.out }), {}, { onError: 'stop' }))).toEqual({ a: 5 });
});

test('3.1 onError stop: a failure inside a flow used as a step stops the whole run', () => {
  const inner = new Flow('inner');
  inner.step('bad', failing('deep', 5), {});
  const compiled = inner.output({});
  const flow = new Flow('outer');
  flow.step('sub', compiled, {});
  flow.step('slow', () => timer(100), {});
  const told = virtually(flow.output({}), {}, { onError: 'stop' });
  expect(told.events.at(-1)).toMatchObject({ type: 'FLOW_ERROR', t: 5 });
  expect(errorOf(told).errors.map(({ path }) => path)).toEqual(['sub.bad']);
});

test.each(['sync', 'async', 'exit'] as const)(
  '5.4 without a saver a run is what it is with any other durability: %s',
  async (durability) => {
    const flow = new Flow<{ n: number }>('unsaved');
    const one = flow.step('one', ({ n }) => n + 1, { n: flow.input.n });
    const compiled = flow.output({ n: one.out });
    const types = async (options: object) =>
      (await firstValueFrom(compiled.run({ n: 1 }, options).pipe(toArray()))).map(
        ({ type }) => type,
      );
    expect(await types({ durability, maxPending: 0 })).toEqual(await types({}));
  },
);

test('2.15 a gate that completes, and lets nothing pass any more, fails the run', async () => {
  const gates: [MonoTypeOperatorFunction<FlowEvent>, string[]][] = [
    [take(2), ['FLOW_START', 'STEP_START a', 'FLOW_ERROR']],
    [() => EMPTY, ['FLOW_ERROR']],
    [take(4), ['FLOW_START', 'STEP_START a', 'STEP_OUTPUT a', 'FLOW_OUTPUT']],
  ];
  for (const [gate, told] of gates) {
    const flow = new Flow('gated');
    flow.step('a', () => 1, {});
    const run = flow.output({}).start({}, { gate });
    const heard = listen(run.events$);
    expect(lines(heard)).toEqual(told);
    expect(heard.isComplete).toBe(true);
    if (told.length < 4)
      expect(
        errorOf({ ...heard, error: await rejection(run.result) }, 'saver-failed').message,
      ).toBe('The gate of the run failed: it has completed. The run cannot go on (saver-failed)');
  }
});

test('2.15 a gate that throws, or gives no Observable, fails the run', async () => {
  const broken = (): never => {
    throw new Error('rusty');
  };
  const gates = [
    [broken, /^The gate of the run failed: rusty\. The run cannot go on \(saver-failed\)$/],
    [() => undefined, /^The gate of the run failed: .*undefined/],
  ] as unknown as [MonoTypeOperatorFunction<FlowEvent>, RegExp][];
  const compiled = new Flow('gated').output({});
  for (const [gate, message] of gates)
    for (const saver of [undefined, new MemorySaver()]) {
      const run = compiled.start({}, { gate, ...(saver && { saver }) });
      const heard = listen(run.events$);
      expect(lines(heard)).toEqual(['FLOW_ERROR']);
      expect(heard.isComplete).toBe(true);
      expect(
        errorOf({ ...heard, error: await rejection(run.result) }, 'saver-failed').message,
      ).toMatch(message);
    }
});
