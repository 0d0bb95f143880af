import {
  defineStep,
  each,
  eq,
  Flow,
  type FlowEvent,
  question,
  repeat,
  type Snapshot,
} from 'millrace';
import { concat, of, throwError, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { atOnce, failing, lines, listen, stateOf, type Told, virtually } from './told.ts';

const one = () => 1;
const typesOf = ({ events }: Told) => new Set(events.map(({ type }) => type));

/** A flow in which everything happens, at several depths. */
function everything() {
  const leaf = new Flow<{ x: number }>('leaf');
  const p = leaf.step('p', ({ x }: { x: number }) => of(x, x + 1), { x: leaf.input.x });
  leaf.step('bad', failing('deep'), {});
  const compiled = leaf.output({ p: p.out });
  const middle = new Flow<{ x: number }>('middle');
  const inner = middle.step('inner', compiled, { x: middle.input.x });
  const list = middle.step('list', each(compiled, { as: 'x', concurrency: 2 }), { items: [1, 2] });
  const mid = middle.output({ p: inner.out.p, list: list.out });
  const flow = new Flow<{ x: number }>('top');
  let attempt = 0;
  flow.step('inlined', mid, { x: flow.input.x });
  flow.step('apart', mid, { x: flow.input.x }, { retry: { count: 1 } });
  flow.step(
    'loop',
    repeat(({ n }: { n: number }) => ({ n: n + 1 }), { while: ({ n }) => n < 3, max: 5 }),
    { n: 0 },
  );
  flow.step('skipped', compiled, { x: 1 }, { when: eq(flow.input.x, 77) });
  flow.step(
    'retried',
    () =>
      concat(
        of('chunk'),
        ++attempt % 2 === 1 ? throwError(() => new RangeError('again')) : of('end'),
      ),
    {},
    { retry: { count: 1, delay: 5 } },
  );
  flow.step('slow', () => timer(10), {}, { timeout: { attempt: 5 } });
  return flow.output({});
}

test('4.1 a run tells its start, its output, and what its steps do in between', () => {
  const flow = new Flow<{ x: number }>('told');
  const a = flow.step('a', ({ x }: { x: number }) => of(x, x * 2), { x: flow.input.x });
  flow.step('b', one, {}, { when: eq(a.out, 0) });
  const { events } = atOnce(flow.output({ a: a.out }), { x: 4 });
  const rest = events.map(({ runId, seq, t, ...event }) => event);
  expect(rest).toEqual([
    { type: 'FLOW_START', path: '', stepId: 'told', flow: 'told', input: { x: 4 } },
    { type: 'STEP_START', path: 'a', stepId: 'a', input: { x: 4 } },
    { type: 'STEP_CHUNK', path: 'a', stepId: 'a', chunk: 4 },
    { type: 'STEP_CHUNK', path: 'a', stepId: 'a', chunk: 8 },
    {
      type: 'STEP_OUTPUT',
      path: 'a',
      stepId: 'a',
      input: { x: 4 },
      output: 8,
      attempts: 1,
      t0: expect.any(Number),
      t1: expect.any(Number),
    },
    {
      type: 'STEP_SKIP',
      path: 'b',
      stepId: 'b',
      reason: 'condition-false',
      detail: expect.objectContaining({ values: { 'a.return': 8 } }),
    },
    { type: 'FLOW_OUTPUT', path: '', stepId: 'told', output: { a: 8 } },
  ]);
});

test('4.1 STEP_OUTPUT tells a failure with its input, error, times and attempts', () => {
  const flow = new Flow<{ x: number }>('fails');
  flow.step(
    'a',
    (_: { x: number }) => failing('tilt', 3)(),
    { x: flow.input.x },
    { retry: { count: 1, delay: 4 } },
  );
  const told = virtually(flow.output({}), { x: 1 });
  expect(told.events.find(({ type }) => type === 'STEP_RETRY')).toMatchObject({
    path: 'a',
    attempt: 1,
    delay: 4,
    error: { code: 'step-failed', cause: { message: 'tilt' } },
    t: 3,
  });
  expect(told.events.find(({ type }) => type === 'STEP_OUTPUT')).toMatchObject({
    input: { x: 1 },
    error: {
      name: 'FlowError',
      code: 'step-failed',
      path: 'a',
      attempt: 2,
      cause: { name: 'Error', message: 'tilt' },
    },
    t0: 0,
    t1: 10,
    attempts: 2,
  });
});

test('4.1 FLOW_ERROR, FLOW_CANCEL, STEP_WAIT, FLOW_SUSPEND and STEP_LATE', async () => {
  const fails = new Flow('fails');
  const a = fails.step('a', failing('x'), {});
  expect(atOnce(fails.output({ a: a.out }), {}).events.at(-1)).toMatchObject({
    type: 'FLOW_ERROR',
    path: '',
    error: { code: 'run-failed', errors: [{ path: 'a' }] },
  });
  const asks = new Flow('asks');
  asks.step('ask', question({ answer: z.string() }), { text: 'Really?' });
  const suspended = atOnce(asks.output({}), {});
  expect(suspended.events.slice(-2)).toMatchObject([
    { type: 'STEP_WAIT', path: 'ask', question: { text: 'Really?' } },
    { type: 'FLOW_SUSPEND', questions: { ask: { text: 'Really?' } } },
  ]);
  let deliver: (value: number) => void = () => undefined;
  const deaf = new Flow('deaf');
  deaf.step(
    'a',
    () =>
      new Promise<number>((resolve) => {
        deliver = resolve;
      }),
    {},
  );
  const run = deaf.output({}).start({});
  const told = listen(run.events$);
  run.cancel(new Error('enough'));
  deliver(7);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told.events.slice(-2)).toMatchObject([
    { type: 'FLOW_CANCEL', reason: { code: 'cancelled', cause: { message: 'enough' } } },
    { type: 'STEP_LATE', path: 'a', value: 7 },
  ]);
});

test('4.1 usage of steps is told with their output, and summed up over the run tree', () => {
  const step = defineStep({
    run: () => ({ usage: { inputTokens: 3, outputTokens: 2 } }),
    usage: ({ usage }: { usage: Record<string, number> }) => usage,
  });
  const inner = new Flow('inner');
  inner.step('x', step, {});
  const compiled = inner.output({});
  const flow = new Flow('usage');
  flow.step('a', step, {});
  flow.step('sub', compiled, {});
  flow.step('apart', compiled, {}, { retry: { count: 1 } });
  flow.step('list', each(step), { items: [{}, {}] });
  const { events } = atOnce(flow.output({}), {});
  expect(
    events
      .filter((event) => event.type === 'STEP_OUTPUT' && event.usage)
      .map(({ path }) => path)
      .sort(),
  ).toEqual(['a', 'apart.x', 'list[0]', 'list[1]', 'sub.x']);
  expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 15, outputTokens: 10 } });
});

test('4.1 a usage that cannot be read is left out, and undoes nothing', () => {
  const flow = new Flow('bad-usage');
  const a = flow.step(
    'a',
    defineStep({
      run: () => 1,
      usage: () => {
        throw new Error('no usage');
      },
    }),
    {},
  );
  const { events } = atOnce(flow.output({ a: a.out }), {});
  expect(events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', output: { a: 1 } });
});

test('4.2 every event carries runId, path, stepId, seq and t; seq has no gap over the whole run tree', () => {
  const told = virtually(everything(), { x: 1 });
  expect(told.events.length).toBeGreaterThan(60);
  expect(told.events.map(({ seq }) => seq)).toEqual(told.events.map((_, i) => i));
  expect(new Set(told.events.map(({ runId }) => runId)).size).toBe(1);
  for (const [i, { path, stepId, t, type }] of told.events.entries()) {
    expect(t).toBeGreaterThanOrEqual(told.events[i - 1]?.t ?? 0);
    if (type.startsWith('FLOW_')) expect([path, stepId]).toEqual(['', 'top']);
    else expect(path.split('.').at(-1)).toBe(stepId);
  }
});

test('4.2 events are frozen, all the way down', () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  const flow = new Flow<{ x: { deep: number[] } }>('frozen');
  const a = flow.step('a', ({ x }: { x: { deep: number[] } }) => of({ list: [x] }), {
    x: flow.input.x,
  });
  flow.step('b', failing(), { y: a.out } as never);
  flow.step('c', one, {}, { when: eq(a.out.list, []) });
  const { events } = atOnce(
    flow.output({ a: a.out }),
    { x: { deep: [1] } },
    { metadata: { tags: ['x'] } },
  );
  for (const event of events) expect([event.type, frozen(event)]).toEqual([event.type, true]);
});

test('4.3 events of flows appear under their path at any depth, none lost, none doubled', () => {
  const told = virtually(everything(), { x: 1 });
  const all = lines(told);
  expect(
    all.filter(
      (line) =>
        line.startsWith('STEP_START') ||
        line.startsWith('STEP_OUTPUT') ||
        line.startsWith('STEP_SKIP'),
    ),
  ).toHaveLength(
    new Set(
      all.filter(
        (line) =>
          line.startsWith('STEP_START') ||
          line.startsWith('STEP_OUTPUT') ||
          line.startsWith('STEP_SKIP'),
      ),
    ).size,
  );
  const below = (prefix: string) =>
    told.events
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ type, path }) => `${type} ${path.slice(prefix.length)}`)
      .sort();
  expect(below('apart')).toEqual(below('inlined'));
  expect(below('inlined')).toEqual(
    [
      'STEP_START ',
      'STEP_START .inner',
      'STEP_START .inner.bad',
      'STEP_OUTPUT .inner.bad',
      'STEP_START .inner.p',
      'STEP_CHUNK .inner.p',
      'STEP_CHUNK .inner.p',
      'STEP_OUTPUT .inner.p',
      'STEP_OUTPUT .inner',
      'STEP_START .list',
      ...[0, 1].flatMap((i) => [
        `STEP_START .list[${i}]`,
        `STEP_START .list[${i}].bad`,
        `STEP_OUTPUT .list[${i}].bad`,
        `STEP_START .list[${i}].p`,
        `STEP_CHUNK .list[${i}].p`,
        `STEP_CHUNK .list[${i}].p`,
        `STEP_OUTPUT .list[${i}].p`,
        `STEP_OUTPUT .list[${i}]`,
        'STEP_CHUNK .list',
      ]),
      'STEP_OUTPUT .list',
      'STEP_OUTPUT ',
    ].sort(),
  );
});

test('4.4 events survive JSON with their meaning, errors included', () => {
  const told = virtually(everything(), { x: 1 });
  const copy: Told = { ...told, events: JSON.parse(JSON.stringify(told.events)) as FlowEvent[] };
  expect(copy.events).toEqual(told.events);
  const plain = (snapshot: Snapshot) => JSON.parse(JSON.stringify(snapshot)) as Snapshot;
  expect(plain(stateOf(copy))).toEqual(plain(stateOf(told)));
  expect([...typesOf(told)].sort()).toEqual([
    'FLOW_OUTPUT',
    'FLOW_START',
    'STEP_CHUNK',
    'STEP_OUTPUT',
    'STEP_RETRY',
    'STEP_SKIP',
    'STEP_START',
  ]);
});

test('4.4 an error keeps its name, message, code, path, attempt, causes and stack in JSON', () => {
  const flow = new Flow('errors');
  const a = flow.step(
    'a',
    (): number => {
      throw new TypeError('outer', { cause: new RangeError('inner', { cause: 'a text' }) });
    },
    {},
  );
  const { events } = atOnce(flow.output({ a: a.out }), {});
  const last = JSON.parse(JSON.stringify(events.at(-1)));
  expect(last.error).toMatchObject({
    name: 'FlowError',
    code: 'run-failed',
    errors: [
      {
        name: 'FlowError',
        code: 'step-failed',
        path: 'a',
        attempt: 1,
        stack: expect.stringContaining('step-failed'),
        cause: {
          name: 'TypeError',
          message: 'outer',
          stack: expect.any(String),
          cause: { name: 'RangeError', message: 'inner', cause: { message: 'a text' } },
        },
      },
    ],
  });
});

test('4.4 errors that cannot be plain data are told as far as they can: cycles, getters, odd values', () => {
  const cyclic = new Error('cyclic') as Error & { cause: unknown };
  cyclic.cause = cyclic;
  const odd = [cyclic, Symbol('s'), 1n, () => 1, { message: 7 }, Object.create(null)];
  for (const thrown of odd) {
    const flow = new Flow('odd');
    const a = flow.step(
      'a',
      (): number => {
        throw thrown;
      },
      {},
    );
    const { events } = atOnce(flow.output({ a: a.out }), {});
    expect(events.at(-1)?.type).toBe('FLOW_ERROR');
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
  }
});

test('4.3 a run whose events nobody hears ends like any other', async () => {
  const outputs: unknown[] = [];
  const flow = new Flow<{ x: number }>('unheard');
  const a = flow.step(
    'a',
    ({ x }: { x: number }) => x,
    { x: flow.input.x },
    { retry: { count: 1 } },
  );
  const list = flow.step(
    'list',
    each(({ n }: { n: number }) => n * 2),
    { items: [{ n: 1 }, { n: 2 }] },
  );
  const b = flow.step('b', one, {}, { when: eq(a.out, 2) });
  const compiled = flow.output({ a: a.out, b: b.out, list: list.out });
  of({ x: 1 }, { x: 2 })
    .pipe(compiled.operator())
    .subscribe((output) => outputs.push(output));
  expect(outputs).toEqual([
    { a: 1, list: [2, 4] },
    { a: 2, b: 1, list: [2, 4] },
  ]);
});
