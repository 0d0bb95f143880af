/** Flows that run apart, and steps that run steps, inside of each other: deeper than the stack would hold. */
import { type CompiledFlow, each, Flow, type FlowEvent, repeat, runStep } from 'millrace';
import { map, NEVER, Observable, timer } from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  endings,
  errorOf,
  failing,
  outputOf,
  type Told,
  virtually,
} from './told.ts';

const deep = 500;

type Nested = CompiledFlow<object, unknown>;
type Code = (params: object, context: { readonly signal: AbortSignal }) => unknown;

/** How a flow becomes part of another one, and the path at which it stands there. */
interface Way {
  readonly segment: string;
  put(flow: Flow<object>, inner: Nested): { readonly out: unknown };
}

const once = { while: () => false, max: 1 };
const apart = (settings: object): Way => ({
  segment: 'sub',
  put: (flow, inner) => flow.step('sub', inner, {}, settings),
});
const retry = { count: 1, when: (error: unknown) => error === 'again' };
const ways: Readonly<Record<string, Way>> = {
  'flows with retry and timeout': apart({ retry, timeout: { attempt: 50, idle: 50, total: 50 } }),
  'each of a flow': {
    segment: 'sub[0]',
    put: (flow, inner) => flow.step('sub', each(inner), { items: [{}] }),
  },
  'repeat of a flow': {
    segment: 'sub[0]',
    put: (flow, inner) => flow.step('sub', repeat(inner, once), {}),
  },
};

/** A flow in a flow in a flow …, and a step in the innermost one. */
function nested({ put }: Way, handler: Code, depth = deep): Nested {
  const leaf = new Flow<object>('leaf');
  const step = leaf.step('step', handler, {});
  let compiled = leaf.output({ inner: step.out }) as Nested;
  for (let i = 0; i < depth; i++) {
    const flow = new Flow<object>(`f${i}`);
    compiled = flow.output({ inner: put(flow, compiled).out }) as Nested;
  }
  return compiled;
}

const innermost = ({ segment }: Way, depth = deep): string => `${`${segment}.`.repeat(depth)}step`;

const at = ({ events }: Told, path: string): readonly FlowEvent[] =>
  events.filter((event) => event.path === path);

/** Whether what is further in starts later and ends earlier, and every event has been told once. */
function inOrder({ events }: Told): boolean {
  const lengths = (type: FlowEvent['type']) =>
    events.flatMap((event) => (event.type === type ? [event.path.length] : []));
  const starts = lengths('STEP_START');
  const ends = lengths('STEP_OUTPUT');
  return (
    events.every(({ seq }, i) => seq === i) &&
    starts.every((length, i) => i === 0 || length > (starts[i - 1] as number)) &&
    ends.every((length, i) => i === 0 || length < (ends[i - 1] as number)) &&
    starts.length === ends.length
  );
}

for (const [name, way] of Object.entries(ways)) {
  const path = innermost(way);

  test(`3.7 ${name}, nested 500 deep, has ended when subscribe returns where its steps are synchronous`, () => {
    const told = atOnce(
      nested(way, () => 'done'),
      {},
    );
    expect(told.isComplete).toBe(true);
    expect(at(told, path).at(-1)).toMatchObject({ type: 'STEP_OUTPUT', output: 'done' });
    expect(told.events.at(-1)?.type).toBe('FLOW_OUTPUT');
    expect(inOrder(told)).toBe(true);
  }, 60_000);

  test(`3.7 ${name}, nested 500 deep, ends at the time of its steps where they take any`, () => {
    const told = virtually(nested(way, after(7, 'done')), {});
    expect(at(told, path).at(-1)).toMatchObject({ type: 'STEP_OUTPUT', output: 'done', t: 7 });
    expect(told.events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', t: 7 });
    expect(inOrder(told)).toBe(true);
  }, 60_000);

  test(`3.7 ${name}, nested 500 deep: a failure fails the run, and its message ends with where it began`, () => {
    const error = errorOf(atOnce(nested(way, failing('deep')), {}), 'run-failed');
    const lines = error.message.split('\n');
    expect(lines.at(-1)).toContain(`Step "${path}" failed: deep`);
    // Not each of the flows in between says that it failed, too.
    expect(lines).toHaveLength(9);
  }, 60_000);

  test(`3.7 ${name}, nested 500 deep, is cancelled: the innermost step hears of it before unsubscribe returns`, () => {
    let signal: AbortSignal | undefined;
    const told: string[] = [];
    const flow = nested(way, (_, context) => {
      signal = context.signal;
      return NEVER;
    });
    const running = flow.run({}).subscribe((event) => told.push(event.path));
    expect(told.at(-1)).toBe(path);
    running.unsubscribe();
    expect(signal?.aborted).toBe(true);
  }, 60_000);
}

test('3.7 a timeout of the outermost step reaches what is at work 500 deep', () => {
  let signal: AbortSignal | undefined;
  const inner = nested(apart({ retry }), (_, context) => {
    signal = context.signal;
    return NEVER;
  });
  const flow = new Flow<object>('outer');
  const sub = flow.step('sub', inner, {}, { timeout: { total: 5 } });
  const told = virtually(flow.output({ inner: sub.out }), {});
  expect(errorOf(told).errors[0]?.code).toBe('step-timeout');
  expect(told.events.at(-1)?.t).toBe(5);
  expect(signal?.aborted).toBe(true);
}, 60_000);

test('3.7 each of each of each …, and repeat of repeat …, nested 500 deep', () => {
  const endsOf = (compose: (step: Code) => unknown, params: object) => {
    let step: Code = () => ({});
    for (let i = 0; i < deep; i++) step = compose(step) as Code;
    const flow = new Flow('composed');
    const composed = flow.step('composed', step, params);
    const told = atOnce(flow.output({ composed: composed.out }), {});
    outputOf(told);
    return Object.values(endings(told));
  };
  let items: object = {};
  for (let i = 0; i < deep; i++) items = { items: [items] };
  expect(endsOf((step) => each(step), items)).toEqual(Array(deep + 1).fill('success'));
  expect(endsOf((step) => repeat(step, once), {})).toEqual(Array(deep + 1).fill('success'));
}, 60_000);

const few = 40;

test('3.7 a retry far in is told, and the run goes on', () => {
  const way = apart({ timeout: { total: 5 } });
  let calls = 0;
  const leaf = new Flow<object>('leaf');
  const again = leaf.step(
    'again',
    () => {
      if (++calls < 3) throw 'again';
      return calls;
    },
    {},
    { retry: { count: 2 } },
  );
  let compiled = leaf.output({ inner: again.out }) as Nested;
  for (let i = 0; i < few; i++) {
    const flow = new Flow<object>(`f${i}`);
    compiled = flow.output({ inner: way.put(flow, compiled).out }) as Nested;
  }
  const told = atOnce(compiled, {});
  outputOf(told);
  expect(at(told, `${'sub.'.repeat(few)}again`).map(({ type }) => type)).toEqual([
    'STEP_START',
    'STEP_RETRY',
    'STEP_RETRY',
    'STEP_OUTPUT',
  ]);
});

test('3.7 a flow far in that fails is retried as a whole', () => {
  let calls = 0;
  const inner = nested(
    apart({ timeout: { total: 5 } }),
    () => {
      calls++;
      throw new Error('never');
    },
    few,
  );
  const flow = new Flow<object>('outer');
  const sub = flow.step('sub', inner, {}, { retry: { count: 2 } });
  errorOf(atOnce(flow.output({ inner: sub.out }), {}), 'run-failed');
  expect(calls).toBe(3);
});

test('3.7 items far in are taken up one after the other, and chunks come in their order', () => {
  const leaf = new Flow<{ n: number }>('leaf');
  const step = leaf.step(
    'step',
    function* ({ n }: { n: number }) {
      yield `${n}a`;
      yield `${n}b`;
      return n;
    },
    { n: leaf.input.n },
  );
  const list = new Flow<object>('list');
  const all = list.step('all', each(leaf.output({ n: step.out })), {
    items: [{ n: 0 }, { n: 1 }],
  });
  let compiled = list.output({ inner: all.out }) as Nested;
  const way = ways['repeat of a flow'] as Way;
  for (let i = 0; i < few; i++) {
    const flow = new Flow<object>(`f${i}`);
    compiled = flow.output({ inner: way.put(flow, compiled).out }) as Nested;
  }
  const told = atOnce(compiled, {});
  outputOf(told);
  const place = `${way.segment}.`.repeat(few);
  const seen = told.events
    .filter((event) => event.path.startsWith(`${place}all[`))
    .map((event) => [
      event.type.slice(5),
      event.path.slice(place.length),
      ...(event.type === 'STEP_CHUNK' ? [event.chunk] : []),
    ]);
  expect(seen).toEqual(
    [0, 1].flatMap((n) => [
      ['START', `all[${n}]`],
      ['START', `all[${n}].step`],
      ['CHUNK', `all[${n}].step`, `${n}a`],
      ['CHUNK', `all[${n}].step`, `${n}b`],
      ['OUTPUT', `all[${n}].step`],
      ['OUTPUT', `all[${n}]`],
    ]),
  );
});

test('3.7 whoever cancels on an event from far in hears nothing more, and nothing else is called', () => {
  let called = 0;
  const told: FlowEvent[] = [];
  const leaf = new Flow<object>('leaf');
  const first = leaf.step('first', () => 1, {});
  const second = leaf.step('second', () => called++, { first: first.out });
  const inner = leaf.output({ second: second.out }) as Nested;
  const way = apart({ retry });
  let compiled = inner;
  for (let i = 0; i < few; i++) {
    const flow = new Flow<object>(`f${i}`);
    compiled = flow.output({ inner: way.put(flow, compiled).out }) as Nested;
  }
  const stop = new AbortController();
  compiled.run({}, { signal: stop.signal }).subscribe({
    next: (event) => {
      told.push(event);
      if (event.type === 'STEP_OUTPUT') stop.abort();
    },
    error: () => undefined,
  });
  expect(told.slice(-2).map(({ type }) => type)).toEqual(['STEP_OUTPUT', 'FLOW_CANCEL']);
  expect(called).toBe(0);
});

test('3.7 what a listener brings about while an event from far in is told comes after that event', async () => {
  const way = apart({ retry });
  const leaf = new Flow<object>('leaf');
  const open: ((value: string) => void)[] = [];
  // The second step ends when the first one tells its chunk, from within the listener that hears it.
  leaf.step('first', () => timer(1).pipe(map(() => 'chunk')), {});
  leaf.step('second', () => ({ subscribe: waiting }), {});
  function waiting(observer: { next(value: string): void; complete(): void }) {
    open.push((value) => {
      observer.next(value);
      observer.complete();
    });
    return () => undefined;
  }
  let compiled = leaf.output({}) as Nested;
  for (let i = 0; i < few; i++) {
    const flow = new Flow<object>(`f${i}`);
    way.put(flow, compiled);
    compiled = flow.output({}) as Nested;
  }
  const told: FlowEvent[] = [];
  await new Promise<void>((resolve) => {
    compiled.run({}).subscribe({
      next: (event) => {
        if (event.type === 'STEP_CHUNK') open.pop()?.('answer');
        told.push(event);
      },
      complete: resolve,
    });
  });
  expect(endings({ events: told, isComplete: true })).toMatchObject({
    [`${'sub.'.repeat(few)}first`]: 'success',
    [`${'sub.'.repeat(few)}second`]: 'success',
    sub: 'success',
  });
  expect(told.at(-1)?.type).toBe('FLOW_OUTPUT');
});

test('3.7 a flow that runs itself without an end fails its run at once: nothing is tried again', () => {
  const flow: Flow<object> = new Flow<object>('endless');
  const again: Code = (_, context) => runStep(endless as never, {}, context as never, '[0]');
  const step = flow.step('again', again, {}, { retry: { count: 2 } });
  const endless: Nested = flow.output({ again: step.out });
  const told = atOnce(endless, {});
  expect(errorOf(told).message).toContain('is a flow inside of 1000 others');
  expect(told.events.some(({ type }) => type === 'STEP_RETRY')).toBe(false);
  expect(told.events.at(-1)?.type).toBe('FLOW_ERROR');
}, 60_000);

test('3.7 what a teardown far in throws is logged, and the rest is stopped all the same', () => {
  const stopped: string[] = [];
  const wait = (name: string) => () =>
    new Observable(() => () => {
      stopped.push(name);
      throw new Error(name);
    });
  let compiled = nested(apart({ retry }), wait('inner'), few);
  for (const ids of [['sub', 'other'], ['sub']]) {
    const flow = new Flow<object>('outer');
    for (const id of ids) flow.step(id, compiled, {}, { retry });
    compiled = flow.output({}) as Nested;
  }
  const errors: string[] = [];
  const error = (...values: unknown[]) => errors.push(values.join(' '));
  const running = compiled.run({}, { logger: { ...console, error } }).subscribe();
  running.unsubscribe();
  expect(stopped).toHaveLength(2);
  expect(errors).toHaveLength(2);
  expect(errors.every((line) => line.includes('inner'))).toBe(true);
});
