import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eq, Flow, FlowError, gt, isRestart, orElse } from 'millrace';
import {
  catchError,
  concat,
  from,
  interval,
  map,
  merge,
  type Observable,
  of,
  Subject,
  scan,
  take,
  tap,
  timer,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  chunksOf,
  endings,
  errorOf,
  failing,
  lines,
  outputOf,
  starts,
  virtually,
} from './told.ts';

type Stream<T> = { source: Observable<T> };
const ticks =
  (count: number, ms = 10) =>
  () =>
    interval(ms).pipe(take(count));
const list = ({ source }: Stream<unknown>) => source.pipe(toArray());
const each = ({ source }: Stream<number>) => source.pipe(map((n) => n * 10));

test('2.12 a consumer gets the first chunk while the producer still produces', () => {
  const flow = new Flow('stream');
  const a = flow.step('a', ticks(3), {});
  const b = flow.step('b', each, { source: a.chunks });
  const told = virtually(flow.output({ b: b.out }), {});
  expect(told.events.map(({ type, path, t }) => `${t} ${type} ${path}`)).toEqual([
    '0 FLOW_START ',
    '0 STEP_START a',
    '0 STEP_START b',
    '10 STEP_CHUNK a',
    '10 STEP_CHUNK b',
    '20 STEP_CHUNK a',
    '20 STEP_CHUNK b',
    '30 STEP_CHUNK a',
    '30 STEP_CHUNK b',
    '30 STEP_OUTPUT a',
    '30 STEP_OUTPUT b',
    '30 FLOW_OUTPUT ',
  ]);
});

test('2.12 a consumer of a synchronous producer sees every chunk from the first one', () => {
  const flow = new Flow('sync');
  const a = flow.step('a', () => of('x', 'y', 'z'), {});
  const b = flow.step('b', list, { source: a.chunks });
  const told = atOnce(flow.output({ b: b.out }), {});
  expect(outputOf(told)).toEqual({ b: ['x', 'y', 'z'] });
  expect(lines(told).filter((line) => !line.startsWith('FLOW'))).toEqual([
    'STEP_START a',
    'STEP_START b',
    'STEP_CHUNK a',
    'STEP_CHUNK a',
    'STEP_CHUNK a',
    'STEP_OUTPUT a',
    'STEP_CHUNK b',
    'STEP_OUTPUT b',
  ]);
});

test('2.12 chunks go on step by step through a chain of streams', () => {
  const flow = new Flow('chain');
  const a = flow.step('a', ticks(2), {});
  const b = flow.step('b', each, { source: a.chunks });
  const c = flow.step('c', each, { source: b.chunks });
  const told = virtually(flow.output({ c: c.out }), {});
  expect(
    told.events.filter(({ type }) => type === 'STEP_CHUNK').map(({ path, t }) => `${t} ${path}`),
  ).toEqual(['10 a', '10 b', '10 c', '20 a', '20 b', '20 c']);
  expect(outputOf(told)).toEqual({ c: 100 });
});

test('2.12 several steps may read the chunks of one', () => {
  const flow = new Flow('several');
  const a = flow.step('a', ticks(3), {});
  const b = flow.step('b', list, { source: a.chunks });
  const c = flow.step('c', each, { source: a.chunks });
  const told = virtually(flow.output({ b: b.out, c: c.out }), {});
  expect(outputOf(told)).toEqual({ b: [0, 1, 2], c: 20 });
});

test('2.12 a consumer that starts late, or subscribes late, misses nothing', () => {
  const flow = new Flow('late');
  const a = flow.step('a', ticks(5), {});
  const slow = flow.step('slow', after(25, 'go'), {});
  const b = flow.step(
    'b',
    ({ source }: Stream<number> & { go: string }) => source.pipe(toArray()),
    {
      source: a.chunks,
      go: slow.out,
    },
  );
  const c = flow.step(
    'c',
    ({ source }: Stream<number>) => concat(timer(500).pipe(map(() => -1)), source).pipe(toArray()),
    {
      source: a.chunks,
    },
  );
  const told = virtually(flow.output({ b: b.out, c: c.out }), {});
  expect(starts(told)).toEqual({ a: 0, slow: 0, b: 25, c: 0 });
  expect(outputOf(told)).toEqual({ b: [0, 1, 2, 3, 4], c: [-1, 0, 1, 2, 3, 4] });
});

test('2.12 a step that reads both the chunks and the result waits for the result', () => {
  const flow = new Flow('both');
  const a = flow.step('a', ticks(2), {});
  const b = flow.step(
    'b',
    ({ source, last }: Stream<number> & { last: number }) =>
      source.pipe(
        map((n) => n + last),
        toArray(),
      ),
    {
      source: a.chunks,
      last: a.out,
    },
  );
  const told = virtually(flow.output({ b: b.out }), {});
  expect(starts(told)['b']).toBe(20);
  expect(outputOf(told)).toEqual({ b: [1, 2] });
});

test('2.12 a chunk that the consumer causes while it reads is neither lost nor doubled', () => {
  const source$ = new Subject<number>();
  const flow = new Flow('reentrant');
  const a = flow.step('a', () => merge(source$.pipe(take(3)), of(0)), {});
  const b = flow.step(
    'b',
    ({ source }: Stream<number>) =>
      source.pipe(
        tap((n) => source$.next(n + 1)),
        toArray(),
      ),
    { source: a.chunks },
  );
  expect(outputOf(atOnce(flow.output({ a: a.out, b: b.out }), {}))).toEqual({
    a: 3,
    b: [0, 1, 2, 3],
  });
});

test('2.12 a chunk that comes while kept ones are handed over keeps its place', () => {
  const source$ = new Subject<string>();
  const flow = new Flow('handover');
  const a = flow.step('a', () => source$.pipe(take(4)), {});
  const gate$ = new Subject<void>();
  const b = flow.step(
    'b',
    ({ source }: Stream<string>) =>
      concat(
        gate$.pipe(
          take(1),
          map(() => 'open'),
        ),
        source.pipe(tap((chunk) => chunk === 'one' && source$.next('three'))),
      ).pipe(toArray()),
    { source: a.chunks },
  );
  const run = flow.output({ b: b.out }).start({});
  source$.next('one');
  source$.next('two');
  gate$.next();
  source$.next('four');
  expect(run.getSnapshot().output).toEqual({ b: ['open', 'one', 'two', 'three', 'four'] });
});

test('2.12 the failure of the producer is the error of the stream', () => {
  const flow = new Flow('failing');
  const a = flow.step(
    'a',
    () =>
      concat(
        of(1),
        timer(10).pipe(
          map((): number => {
            throw new Error('torn');
          }),
        ),
      ),
    {},
  );
  const b = flow.step('b', list, { source: a.chunks });
  const c = flow.step(
    'c',
    ({ source }: Stream<number>) =>
      source.pipe(
        catchError((error) => of(error.message as string)),
        toArray(),
      ),
    {
      source: a.chunks,
    },
  );
  const told = virtually(flow.output({ b: orElse(b.out, 'none'), c: c.out }), {});
  expect(endings(told)).toEqual({ a: 'failure', b: 'failure', c: 'success' });
  expect(outputOf(told)).toEqual({ b: 'none', c: [1, 'Step "a" failed: torn (step-failed)'] });
  expect(starts(told)['b']).toBe(0);
});

test('2.12 the error that reaches a consumer keeps the failed producer as its cause', () => {
  const flow = new Flow('cause');
  const a = flow.step('a', failing('torn', 5), {});
  const b = flow.step('b', list, { source: a.chunks });
  const error = errorOf(virtually(flow.output({ b: b.out }), {}));
  expect(error.errors.map(({ path }) => path).sort()).toEqual(['a', 'b']);
  expect(error.errors.find(({ path }) => path === 'b')?.cause).toMatchObject({
    path: 'a',
    code: 'step-failed',
  });
});

test('2.12 a synchronous failure of the producer reaches the consumer, too', () => {
  const flow = new Flow('at-once');
  const a = flow.step('a', failing('torn'), {});
  const b = flow.step(
    'b',
    ({ source }: Stream<number>) => source.pipe(catchError(() => of('caught'))),
    { source: a.chunks },
  );
  const told = atOnce(flow.output({ b: b.out }), {});
  expect(outputOf(told)).toEqual({ b: 'caught' });
});

test('2.12 when the producer is skipped, the link is inactive', () => {
  const flow = new Flow<{ n: number }>('skipped');
  const a = flow.step('a', ticks(2), {}, { when: gt(flow.input.n, 5) });
  const c = flow.step('c', () => 'c', {});
  flow.step('b', list, { source: a.chunks });
  flow.step(
    'd',
    ({ source }: { source: Observable<number> | undefined }) => source === undefined,
    {
      source: a.chunks,
    },
    { after: [c] },
  );
  const told = virtually(flow.output({}), { n: 1 });
  expect(endings(told)).toEqual({
    a: 'condition-false',
    b: 'upstream-skipped',
    c: 'success',
    d: 'success',
  });
  expect(
    told.events.find(({ type, path }) => type === 'STEP_OUTPUT' && path === 'd'),
  ).toMatchObject({ output: true });
});

test('2.12 when the producer is poisoned, so is the consumer', () => {
  const flow = new Flow('poisoned');
  const bad = flow.step('bad', failing(), {});
  const a = flow.step('a', ticks(2), {}, { after: [bad] });
  flow.step('b', list, { source: a.chunks });
  expect(endings(atOnce(flow.output({}), {}))).toEqual({
    bad: 'failure',
    a: 'upstream-failed',
    b: 'upstream-failed',
  });
});

test('2.12 when a flow that produces is skipped or poisoned, so is its consumer', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', ticks(2), {});
  const compiled = inner.output({ p: p.out });
  const flow = new Flow<{ n: number }>('outer');
  const bad = flow.step('bad', failing(), {});
  const skipped = flow.step('skipped', compiled, {}, { when: gt(flow.input.n, 5) });
  const poisoned = flow.step('poisoned', compiled, {}, { after: [bad] });
  flow.step('b', list, { source: skipped.chunks });
  flow.step('c', list, { source: poisoned.chunks });
  expect(endings(atOnce(flow.output({}), { n: 1 }))).toMatchObject({
    skipped: 'condition-false',
    poisoned: 'upstream-failed',
    b: 'upstream-skipped',
    c: 'upstream-failed',
  });
});

test('2.12 chunks of an attempt that failed are followed by a restart notice, never silently repeated', () => {
  let attempt = 0;
  const flow = new Flow('retried');
  const a = flow.step(
    'a',
    () => {
      attempt++;
      return concat(
        of('x', 'y'),
        attempt < 3 ? (failing('torn', 5)() as Observable<never>) : of('z'),
      );
    },
    {},
    { retry: { count: 5, delay: 10 } },
  );
  const b = flow.step(
    'b',
    ({ source }: Stream<unknown>) =>
      source.pipe(
        map((chunk) => (isRestart(chunk) ? chunk.attempt : chunk)),
        toArray(),
      ),
    {
      source: a.chunks,
    },
  );
  const fold = flow.step(
    'fold',
    ({ source }: Stream<unknown>) =>
      source.pipe(scan((all, chunk) => (isRestart(chunk) ? '' : all + chunk), '')),
    { source: a.chunks },
  );
  const told = virtually(flow.output({ b: b.out, fold: fold.out }), {});
  expect(outputOf(told)).toEqual({ b: ['x', 'y', 2, 'x', 'y', 3, 'x', 'y', 'z'], fold: 'xyz' });
  expect(chunksOf(told, 'a')).toEqual(['x', 'y', 'x', 'y', 'x', 'y', 'z']);
});

test('2.12 a consumer that is retried reads all chunks again', () => {
  let attempt = 0;
  const flow = new Flow('consumer-retried');
  const a = flow.step('a', ticks(4), {});
  const b = flow.step(
    'b',
    ({ source }: Stream<number>) => {
      attempt++;
      return source.pipe(
        tap((n) => {
          if (attempt === 1 && n === 1) throw new Error('again');
        }),
        toArray(),
      );
    },
    { source: a.chunks },
    { retry: { count: 1, delay: 5 } },
  );
  expect(outputOf(virtually(flow.output({ b: b.out }), {}))).toEqual({ b: [0, 1, 2, 3] });
});

test('2.12 a second reader of one param gets an error that says what to do, not half of the chunks', () => {
  const flow = new Flow('second');
  const a = flow.step('a', () => of(1, 2), {});
  const b = flow.step('b', ({ source }: Stream<number>) => concat(source, source).pipe(toArray()), {
    source: a.chunks,
  });
  const error = errorOf(atOnce(flow.output({ b: b.out }), {})).errors[0];
  expect(FlowError.is(error?.cause, 'ref-misuse')).toBe(true);
  expect(error?.message).toContain('The chunks of "a" are read a second time');
  expect(error?.message).toContain('chunks.pipe(share())');
});

test('2.12 a consumer that never reads, or stops reading, holds nobody up', () => {
  const flow = new Flow('deaf');
  const a = flow.step('a', ticks(3), {});
  const b = flow.step('b', () => 'not interested', { source: a.chunks } as never);
  const c = flow.step('c', ({ source }: Stream<number>) => source.pipe(take(1)), {
    source: a.chunks,
  });
  const told = virtually(flow.output({ a: a.out, b: b.out, c: c.out }), {});
  expect(outputOf(told)).toEqual({ a: 2, b: 'not interested', c: 0 });
});

test('2.12 a producer without chunks gives an empty stream', () => {
  const flow = new Flow('none');
  const a = flow.step('a', () => 'value', {});
  const b = flow.step('b', list, { source: a.chunks });
  expect(outputOf(atOnce(flow.output({ b: b.out }), {}))).toEqual({ b: [] });
});

test('2.12 streams cross the boundary of a flow outwards: its chunks are those that its outputs read', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', ticks(3), {});
  inner.step('side', ticks(3, 7), {});
  const compiled = inner.output({ p: p.out });
  for (const settings of [{}, { retry: { count: 1 } }]) {
    const flow = new Flow('outer');
    const sub = flow.step('sub', compiled, {}, settings);
    const b = flow.step('b', ({ source }: Stream<unknown>) => source as Observable<number>, {
      source: sub.chunks,
    });
    const told = virtually(flow.output({ b: b.out }), {});
    expect(
      told.events
        .filter(({ path, type }) => path === 'b' && type === 'STEP_CHUNK')
        .map(({ t }) => t),
    ).toEqual([10, 20, 30]);
    expect(chunksOf(told, 'b')).toEqual([0, 1, 2]);
    expect(chunksOf(told, 'sub.p')).toEqual([0, 1, 2]);
  }
});

test('2.12 streams cross the boundary of a flow inwards: its input may be a stream', () => {
  const inner = new Flow<Stream<number>>('inner');
  const p = inner.step('p', each, { source: inner.input.source as never });
  const compiled = inner.output({ p: p.out });
  for (const settings of [{}, { retry: { count: 1 } }]) {
    const flow = new Flow('outer');
    const a = flow.step('a', ticks(3), {});
    const sub = flow.step('sub', compiled, { source: a.chunks as never }, settings);
    const told = virtually(flow.output({ p: sub.out.p }), {});
    expect(
      told.events
        .filter(({ path, type }) => path === 'sub.p' && type === 'STEP_CHUNK')
        .map(({ t }) => t),
    ).toEqual([10, 20, 30]);
    expect(outputOf(told)).toEqual({ p: 20 });
  }
});

test('2.12 streams cross several boundaries, in and out, while the producer still works', () => {
  const leaf = new Flow<Stream<number>>('leaf');
  const p = leaf.step('p', each, { source: leaf.input.source as never });
  let inner = leaf.output({ p: p.out });
  for (const id of ['m1', 'm2', 'm3']) {
    const middle = new Flow<Stream<number>>(id);
    const sub = middle.step('sub', inner, { source: middle.input.source as never });
    inner = middle.output({ p: sub.out.p });
  }
  const flow = new Flow('outer');
  const a = flow.step('a', ticks(2), {});
  const sub = flow.step('sub', inner, { source: a.chunks as never });
  const b = flow.step('b', ({ source }: Stream<unknown>) => source as Observable<number>, {
    source: sub.chunks,
  });
  const told = virtually(flow.output({ b: b.out }), {});
  expect(
    told.events.filter(({ type }) => type === 'STEP_CHUNK').map(({ path, t }) => `${t} ${path}`),
  ).toEqual(['10 a', '10 sub.sub.sub.sub.p', '10 b', '20 a', '20 sub.sub.sub.sub.p', '20 b']);
});

test('2.12 the failure of a step in a flow reaches the consumer of the flow', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', () => concat(of(1), failing('torn', 5)() as Observable<number>), {});
  const compiled = inner.output({ p: p.out });
  for (const settings of [{}, { timeout: { total: 1000 } }]) {
    const flow = new Flow('outer');
    const sub = flow.step('sub', compiled, {}, settings);
    const b = flow.step(
      'b',
      ({ source }: Stream<unknown>) =>
        source.pipe(
          catchError(() => of('caught')),
          toArray(),
        ),
      {
        source: sub.chunks,
      },
    );
    expect(outputOf(virtually(flow.output({ b: b.out }), {}))).toEqual({ b: [1, 'caught'] });
  }
});

test('2.12 a condition on a stream link makes it wait for the outcome', () => {
  const flow = new Flow('conditional');
  const a = flow.step('a', ticks(2), {});
  flow.step('b', list, { source: a.chunks });
  flow.link(a, 'b', { when: eq(a.out, 1) });
  const told = virtually(flow.output({}), {});
  expect(starts(told)['b']).toBe(20);
  expect(endings(told)['b']).toBe('success');
});

test('2.12 chunks$ of a hot run gives the chunks of a step, and of a flow used as a step', () => {
  const inner = new Flow('inner');
  const p = inner.step('p', () => from(['a', 'b']), {});
  const compiled = inner.output({ p: p.out });
  const flow = new Flow('outer');
  flow.step('inlined', compiled, {});
  flow.step('apart', compiled, {}, { retry: { count: 1 } });
  const run = flow.output({}).start({});
  for (const path of ['inlined', 'inlined.p', 'apart', 'apart.p']) {
    const chunks: unknown[] = [];
    run.chunks$(path).subscribe((chunk) => chunks.push(chunk));
    expect([path, chunks]).toEqual([path, ['a', 'b']]);
  }
});

test('2.12 100 000 chunks arrive in order, none lost, none doubled, with flat memory', async () => {
  const script = fileURLToPath(new URL('stream-memory.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script]);
  const { count, ordered, heap } = JSON.parse(stdout) as {
    count: number;
    ordered: boolean;
    heap: number[];
  };
  expect({ count, ordered }).toEqual({ count: 100_000, ordered: true });
  // From a tenth of the way to its end the heap grows by less than 10 bytes a chunk; kept chunks would cost ten times that.
  expect((heap.at(-1) as number) - (heap[0] as number)).toBeLessThan(90_000 * 10);
}, 60_000);
