import { inspect } from 'node:util';
import { Flow, FlowError, orElse, predicate, type Ref } from 'millrace';
import { map, NEVER, timer } from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  endings,
  errorOf,
  failing,
  outputOf,
  rejection,
  stateOf,
  virtually,
} from './told.ts';

const one = () => 1;

test('3.1 a thrown value becomes a FlowError with the path, the attempt and the cause', async () => {
  const boom = new TypeError('boom');
  const flow = new Flow('throws');
  const a = flow.step(
    'a',
    (): number => {
      throw boom;
    },
    {},
  );
  const error = errorOf(atOnce(flow.output({ a: a.out }), {}), 'run-failed');
  expect(error.errors).toHaveLength(1);
  expect(error.errors[0]).toMatchObject({
    code: 'step-failed',
    path: 'a',
    attempt: 1,
    cause: boom,
  });
  expect(error.cause).toBe(error.errors[0]);
  expect(error.message).toBe(
    'The run of "throws" failed: its output "a" needs "a". (run-failed)\n  - a: Step "a" failed: boom (step-failed)',
  );
});

test.each<[string, unknown, string]>([
  ['a text', 'just text', 'it threw "just text", which is no Error'],
  ['a number', 7, 'it threw 7, which is no Error'],
  ['null', null, 'it threw null, which is no Error'],
  ['undefined', undefined, 'it threw undefined, which is no Error'],
  ['an object', { a: 1 }, 'it threw an object, which is no Error'],
  ['an object with a message', { message: 'soft' }, 'soft'],
])('3.1 %s that is thrown is the cause, too', async (_, thrown, message) => {
  const handlers = [
    () => {
      throw thrown;
    },
    async () => {
      throw thrown;
    },
  ];
  for (const handler of handlers) {
    const flow = new Flow('throws');
    const a = flow.step('a', handler, {});
    const error = (await rejection(flow.output({ a: a.out as never }).complete({}))) as FlowError;
    expect(error.errors[0]?.message).toContain(`Step "a" failed: ${message}`);
    expect(error.errors[0]?.cause).toBe(thrown);
  }
});

const refuse = (): never => {
  throw new Error('not to be read');
};
const unreadable: Record<string, object> = {
  'a proxy that refuses everything': new Proxy(
    {},
    { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse },
  ),
  'an error whose message throws': Object.defineProperty(new Error(), 'message', { get: refuse }),
};

// It ended in an unhandled rejection, and the run never.
test.each(Object.keys(unreadable))('3.1 %s fails the step like any other value', async (name) => {
  const thrown = unreadable[name];
  const fail = (): never => {
    throw thrown;
  };
  const failed = [
    (flow: Flow<object>) => flow.step('a', fail, {}),
    (flow: Flow<object>) => flow.step('a', async () => fail(), {}),
    (flow: Flow<object>) => flow.step('a', () => timer(1).pipe(map(fail)), {}),
    (flow: Flow<object>) => flow.step('a', fail, {}, { retry: { count: 1 } }),
    (flow: Flow<object>) => flow.step('a', one, {}, { when: predicate([], fail) }),
  ];
  for (const add of failed) {
    const flow = new Flow<object>('throws');
    const { error } = add(flow);
    const why = flow.step('why', (p: { code: unknown }) => p.code, { code: error.code });
    const { output } = await flow.output({ why: why.out }).complete({});
    expect(output).toEqual({ why: 'step-failed' });
  }
});

test.each(Object.keys(unreadable))('3.5 %s is a reason to cancel', async (name) => {
  const flow = new Flow('waits');
  const run = flow.output({ a: flow.step('a', () => NEVER, {}).out }).start({});
  run.cancel(unreadable[name]);
  const error = (await rejection(run.result)) as FlowError;
  expect(error.code).toBe('cancelled');
  expect(error.cause === unreadable[name]).toBe(true);
});

test('3.1 an error without a message is told by its class', async () => {
  class Unreachable extends Error {}
  const flow = new Flow('throws');
  const a = flow.step(
    'a',
    (): number => {
      throw new Unreachable();
    },
    {},
  );
  const error = errorOf(atOnce(flow.output({ a: a.out }), {}));
  expect(error.errors[0]?.message).toBe('Step "a" failed: Unreachable (step-failed)');
});

test('3.1 an error keeps its stack as the cause', async () => {
  const flow = new Flow('stack');
  function deepInside(): number {
    throw new Error('boom');
  }
  const a = flow.step('a', deepInside, {});
  const error = errorOf(atOnce(flow.output({ a: a.out }), {}));
  expect((error.errors[0]?.cause as Error | undefined)?.stack).toContain('deepInside');
});

test('3.1 a printed error shows each cause once, and first of all what and where', () => {
  const flow = new Flow('printed');
  const a = flow.step('a', failing('disk full'), {});
  const b = flow.step('b', failing('no network'), {});
  const error = errorOf(atOnce(flow.output({ a: a.out, b: b.out }), {}));
  const lines = inspect({ error }).split('\n');
  expect(lines.filter((line) => !/^ +at /.test(line)).map((line) => line.trim())).toEqual([
    '{',
    'error: FlowError: The run of "printed" failed: its output "a" needs "a", its output "b" needs "b". (run-failed)',
    '- a: Step "a" failed: disk full (step-failed)',
    '- b: Step "b" failed: no network (step-failed)',
    '[cause]: FlowError: Step "a" failed: disk full (step-failed)',
    '[cause]: Error: disk full',
    '[cause]: FlowError: Step "b" failed: no network (step-failed)',
    '[cause]: Error: no network',
    '}',
  ]);
  const round = new FlowError('saver-failed', 'Round', { cause: new Error('x') });
  (round as { cause: unknown }).cause = round;
  expect(inspect(round, { depth: null })).toMatch(/Round[\s\S]*\[cause\]: \[Circular\]$/);
});

test('3.1 a failure fails its step only: a run whose outputs do not need it succeeds', () => {
  const flow = new Flow('side');
  const a = flow.step('a', one, {});
  flow.step('bad', failing(), {}, { after: [a] });
  const told = atOnce(flow.output({ a: a.out }), {});
  expect(endings(told)).toEqual({ a: 'success', bad: 'failure' });
  expect(outputOf(told)).toEqual({ a: 1 });
});

test('3.2 a failure on the side stands in events and in state', () => {
  const flow = new Flow('side');
  flow.step('bad', failing('tilt'), {});
  const told = atOnce(flow.output({}), {});
  const event = told.events.find(({ type }) => type === 'STEP_OUTPUT');
  expect(event).toMatchObject({
    error: { code: 'step-failed', path: 'bad', cause: { message: 'tilt' } },
  });
  expect(stateOf(told)).toMatchObject({
    status: 'success',
    steps: {
      bad: { status: 'failure', error: { code: 'step-failed', cause: { message: 'tilt' } } },
    },
  });
});

test('3.1 other branches go on to their end before the run fails', () => {
  const flow = new Flow('branches');
  const bad = flow.step('bad', failing('early', 5), {});
  const slow = flow.step('slow', after(50, 1), {});
  const next = flow.step('next', one, {}, { after: [slow] });
  const told = virtually(flow.output({ bad: bad.out, next: next.out }), {});
  expect(endings(told)).toEqual({ bad: 'failure', slow: 'success', next: 'success' });
  expect(told.events.at(-1)).toMatchObject({ type: 'FLOW_ERROR', t: 50 });
});

test('3.1 the error lists every failed step, each with its path and cause, in the order of the plan', () => {
  const flow = new Flow('many');
  const [a, b, c] = ['a', 'b', 'c'].map((id, i) =>
    flow.step(id, failing(`no ${id}`, 30 - i * 10), {}),
  );
  const hurt = flow.step('hurt', one, {}, { after: [a!] });
  flow.step('side', failing('on the side'), {});
  const error = errorOf(
    virtually(flow.output({ hurt: hurt.out, b: b!.out, c: c!.out }), {}),
    'run-failed',
  );
  expect(error.errors.map(({ path, cause }) => [path, (cause as Error).message])).toEqual([
    ['a', 'no a'],
    ['b', 'no b'],
    ['c', 'no c'],
    ['side', 'on the side'],
  ]);
  expect(error.message.split('\n')[0]).toBe(
    'The run of "many" failed: its output "b" needs "b", its output "c" needs "c", its output "hurt" needs "hurt". (run-failed)',
  );
  expect(error.issues?.map(({ path }) => path)).toEqual(['a', 'b', 'c', 'side']);
});

test('3.1 of very many errors the message lists twenty, and says how many more there are', async () => {
  const flow = new Flow('many');
  const outputs: Record<string, Ref<never>> = {};
  for (let i = 0; i < 30; i++) {
    const fail = () => {
      throw new Error(`no ${i}`);
    };
    outputs[`o${i}`] = flow.step(`s${i}`, fail, {}).out;
  }
  const error = (await rejection(flow.output(outputs).complete({}))) as FlowError;
  const lines = error.message.split('\n');
  expect(lines).toHaveLength(22);
  expect(lines[0]).toContain(' and 10 more. (run-failed)');
  expect(lines.at(-1)).toBe('  and 10 more: see "errors"');
  expect(error.errors).toHaveLength(30);
  expect(error.issues).toHaveLength(30);
});

test('3.1 a failure deep in flows is listed by its path from the root, once', () => {
  let compiled = (() => {
    const flow = new Flow('leaf');
    const bad = flow.step('bad', failing('deep'), {});
    return flow.output({ x: bad.out });
  })();
  for (const id of ['f1', 'f2']) {
    const flow = new Flow(id);
    const sub = flow.step('sub', compiled, {});
    compiled = flow.output({ x: sub.out.x });
  }
  const error = errorOf(atOnce(compiled, {}));
  expect(error.errors.map(({ path }) => path)).toEqual(['sub.sub.bad']);
  expect(error.errors[0]?.message).toBe('Step "sub.sub.bad" failed: deep (step-failed)');
});

test('3.1 a flow used as a step fails when one of its outputs needs a failed step, and only then', () => {
  const inner = new Flow('inner');
  const bad = inner.step('bad', failing(), {});
  const ok = inner.step('ok', one, {});
  const needs = inner.output({ bad: bad.out, ok: ok.out });
  const side = new Flow('side');
  side.step('bad', failing(), {});
  const good = side.step('good', one, {});
  const flow = new Flow('outer');
  flow.step('needs', needs, {});
  const sub = flow.step('side', side.output({ good: good.out }), {});
  const told = atOnce(flow.output({ good: sub.out.good }), {});
  expect(endings(told)).toEqual({
    'needs.bad': 'failure',
    'needs.ok': 'success',
    needs: 'failure',
    'side.bad': 'failure',
    'side.good': 'success',
    side: 'success',
  });
  expect(stateOf(told).steps['needs']?.error?.message).toContain(
    'The flow "needs" failed: its output "bad" needs "bad"',
  );
});

test('3.2 an output of a skipped step is undefined, and absent in JSON', () => {
  const flow = new Flow<{ n: number }>('skipped');
  const a = flow.step('a', one, {}, { when: { op: 'gt', left: { key: 'n' }, right: 5 } });
  const b = flow.step('b', ({ x }: { x: number | undefined }) => x, { x: a.out });
  const told = atOnce(flow.output({ a: a.out, b: b.out, c: orElse(a.out, 'none') }), { n: 1 });
  const output = outputOf(told) as { a?: number };
  expect(output.a).toBeUndefined();
  expect(JSON.stringify(output)).toBe('{"c":"none"}');
  expect(told.isComplete).toBe(true);
});

test('3.2 an output of a step that was skipped because of a failure is a failure, over any number of steps', () => {
  const flow = new Flow('poisoned');
  const bad = flow.step('bad', failing('root'), {});
  const b = flow.step('b', one, {}, { after: [bad] });
  const c = flow.step('c', one, {}, { after: [b] });
  const error = errorOf(atOnce(flow.output({ c: c.out }), {}), 'run-failed');
  expect(error.message).toContain('its output "c" needs "c"');
  expect(error.errors.map(({ path }) => path)).toEqual(['bad']);
});

test('3.2 an output whose default stands in for a failure does not fail the run', () => {
  const flow = new Flow('default');
  const bad = flow.step('bad', failing(), {});
  expect(outputOf(atOnce(flow.output({ bad: orElse(bad.out, null) }), {}))).toEqual({ bad: null });
});

test('3.1 an error of the library that a handler passes on keeps its place', async () => {
  const other = new Flow('other');
  const bad = other.step('bad', failing('inside'), {});
  const compiled = other.output({ bad: bad.out });
  const flow = new Flow('outer');
  const a = flow.step('a', async () => (await compiled.complete({})).output.bad, {});
  const error = (await rejection(flow.output({ a: a.out }).complete({}))) as FlowError;
  expect(error.errors[0]).toMatchObject({ code: 'step-failed', path: 'a' });
  expect(FlowError.is(error.errors[0]?.cause, 'run-failed')).toBe(true);
});

test('3.1 a step fails at its first error: what its stream emits after that is nothing', () => {
  const flow = new Flow('first');
  const a = flow.step(
    'a',
    () => ({
      subscribe(observer: {
        next(n: number): void;
        error(error: unknown): void;
        complete(): void;
      }) {
        observer.next(1);
        observer.error(new Error('first'));
        observer.next(2);
        observer.error(new Error('second'));
        observer.complete();
      },
    }),
    {},
  );
  const told = atOnce(flow.output({ a: a.out as never }), {});
  expect(errorOf(told).errors.map(({ message }) => message)).toEqual([
    'Step "a" failed: first (step-failed)',
  ]);
  expect(told.events.filter(({ type }) => type === 'STEP_CHUNK')).toHaveLength(1);
});

test('3.1 nothing of a failure reaches the process as an unhandled rejection', async () => {
  const flow = new Flow('handled');
  flow.step('a', async () => Promise.reject(new Error('async')), {});
  flow.step('b', () => timer(0).pipe((source) => source), {}, { timeout: { attempt: 1 } });
  await flow.output({}).complete({});
});
