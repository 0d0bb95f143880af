/** When a run that asks is suspended: when nothing else can go on, and not before. */
import {
  defineStep,
  each,
  Flow,
  type FlowEvent,
  MemorySaver,
  question,
  runStep,
  type StepContext,
  together,
} from 'millrace';
import {
  concatMap,
  delay,
  firstValueFrom,
  map,
  merge,
  NEVER,
  type Observable,
  takeUntil,
  timer,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const ask = question({ answer: z.number() });
const after = (ms: number) => () => timer(ms).pipe(map(() => ms));
const suspended = (...paths: string[]) => ({
  code: 'suspended',
  issues: paths.map((path) => expect.objectContaining({ path })),
});

test('5.11 a run is not suspended while a step can still get a place', async () => {
  const flow = new Flow('places');
  flow.step('a', ask, {});
  for (const id of ['b', 'c', 'd']) flow.step(id, after(2), {});
  const run = flow.output({}).start({}, { saver: new MemorySaver(), concurrency: 2 });
  await expect(run.result).rejects.toMatchObject(suspended('a'));
  const { steps } = run.getSnapshot();
  expect(['b', 'c', 'd'].map((id) => steps[id]?.status)).toEqual(['success', 'success', 'success']);
});

test('5.11 a step with a limit of its own that waits for a place in the run keeps no run from being suspended', async () => {
  const flow = new Flow('own');
  flow.step('a', ask, {});
  const b = flow.step('b', () => 'b', {}, { concurrency: 3 });
  const compiled = flow.output({ b: b.out });
  const options = { saver: new MemorySaver(), concurrency: 1 };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('a'));
  const resumed = compiled.resume(run.id, { ...options, answers: { a: 1 } });
  expect(await resumed.result).toEqual({ b: 'b' });
});

test('5.11 nor does one that is to be tried again', async () => {
  const flow = new Flow('again');
  let calls = 0;
  const code = () => {
    if (++calls === 1) throw new Error('once');
    return 'a';
  };
  const a = flow.step('a', code, {}, { retry: { count: 1, delay: 3 } });
  flow.step('b', ask, {});
  const compiled = flow.output({ a: a.out });
  const options = { saver: new MemorySaver(), concurrency: 1 };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('b'));
  expect(calls).toBe(1);
  const resumed = compiled.resume(run.id, { ...options, answers: { b: 1 } });
  expect(await resumed.result).toEqual({ a: 'a' });
});

/** Items that take their time, and then ask; one at a time may. */
function oneAtATime() {
  const inner = new Flow<{ i: number }>('inner');
  const first = inner.step('first', after(2), { i: inner.input.i });
  const asked = inner.step('ask', ask, {}, { after: [first] });
  const guarded = new Flow<{ i: number }>('guarded');
  const step = guarded.step(
    'step',
    inner.output({ n: asked.out }),
    { i: guarded.input.i },
    { concurrency: 1 },
  );
  const flow = new Flow('outer');
  const all = flow.step('all', each(guarded.output({ n: step.out.n }), { as: 'i' }), {
    items: [0, 1],
  });
  return flow.output({ all: all.out });
}

test('5.11 an item that waits for the place of one that asks keeps no run from being suspended', async () => {
  const compiled = oneAtATime();
  const options = { saver: new MemorySaver() };
  let run = compiled.start({}, options);
  for (const i of [0, 1]) {
    const path = `all[${i}].step.ask`;
    await expect(run.result).rejects.toMatchObject(suspended(path));
    run = compiled.resume(run.id, { ...options, answers: { [path]: i + 5 } });
  }
  expect(await run.result).toEqual({ all: [{ n: 5 }, { n: 6 }] });
});

test('5.11 a step that reads the chunks of what asks keeps no run from being suspended', async () => {
  const inner = new Flow('inner');
  const write = inner.step('write', () => merge(timer(1), timer(2)).pipe(map((_, i) => i)), {});
  const asked = inner.step('ask', ask, {}, { after: [write] });
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ n: asked.out, last: write.out }), {});
  const show = flow.step(
    'show',
    ({ chunks }: { chunks: Observable<unknown> }) => chunks.pipe(toArray()),
    { chunks: sub.chunks },
  );
  const other = flow.step('other', after(5), {});
  const compiled = flow.output({ shown: show.out, n: sub.out.n, other: other.out });
  const options = { saver: new MemorySaver() };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('sub.ask'));
  expect(run.getSnapshot().steps['other']?.status).toBe('success');
  const resumed = compiled.resume(run.id, { ...options, answers: { 'sub.ask': 7 } });
  expect(await resumed.result).toEqual({ shown: [1], n: 7, other: 5 });
});

test('5.11 nor does one that begins to read when nothing else goes on', async () => {
  const inner = new Flow('inner');
  const asked = inner.step('asked', ask, {});
  const read = ({ chunks }: { chunks: Observable<number> }) => chunks.pipe(toArray(), delay(1));
  const reader = inner.step('reader', read, { chunks: asked.chunks }, { concurrency: 1 });
  const flow = new Flow('turns');
  const all = flow.step('all', each(inner.output({ read: reader.out })), { items: [{}, {}] });
  const compiled = flow.output({ all: all.out });
  const saver = new MemorySaver();
  const run = compiled.start({}, { saver });
  await expect(run.result).rejects.toMatchObject(suspended('all[0].asked', 'all[1].asked'));
  // The first reader leaves its place to the second one, and that is the last thing that happens.
  const first = compiled.resume(run.id, { saver, answers: { 'all[0].asked': 1 } });
  await expect(first.result).rejects.toMatchObject(suspended('all[1].asked'));
  const second = compiled.resume(run.id, { saver, answers: { 'all[1].asked': 2 } });
  expect(await second.result).toEqual({ all: [{ read: [] }, { read: [] }] });
});

test('5.11 nor does one that takes its time before it reads', async () => {
  const flow = new Flow('late');
  const asked = flow.step('asked', ask, {});
  const read = ({ chunks }: { chunks: Observable<number> }) =>
    timer(5).pipe(concatMap(() => chunks.pipe(toArray())));
  const reader = flow.step('reader', read, { chunks: asked.chunks });
  const compiled = flow.output({ read: reader.out });
  const saver = new MemorySaver();
  const run = compiled.start({}, { saver });
  await expect(run.result).rejects.toMatchObject(suspended('asked'));
  const resumed = compiled.resume(run.id, { saver, answers: { asked: 1 } });
  expect(await resumed.result).toEqual({ read: [] });
});

test('5.11 a run waits for a step that has read the chunks it wanted, and goes on', async () => {
  const inner = new Flow('inner');
  const write = inner.step('write', () => timer(1), {});
  const asked = inner.step('ask', ask, {}, { after: [write] });
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ n: asked.out, last: write.out }), {});
  flow.step(
    'first',
    async ({ chunks }: { chunks: Observable<unknown> }) => {
      await firstValueFrom(chunks);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return 'done';
    },
    { chunks: sub.chunks },
  );
  const run = flow.output({}).start({}, { saver: new MemorySaver() });
  await expect(run.result).rejects.toMatchObject(suspended('sub.ask'));
  expect(run.getSnapshot().steps['first']).toMatchObject({ status: 'success', output: 'done' });
});

test('5.9, 5.11 an answer that is given with a resume is taken, whenever its step asks again', async () => {
  const flow = new Flow('late');
  let isBroken = true;
  flow.step(
    'a',
    () => {
      if (isBroken) throw new Error('down');
      return timer(2);
    },
    {},
    { retry: { count: 1, delay: 1 } },
  );
  const b = flow.step('b', ask, {});
  const compiled = flow.output({ b: b.out });
  const options = { saver: new MemorySaver(), concurrency: 1 };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('b'));
  isBroken = false;
  const resumed = compiled.resume(run.id, { ...options, answers: { b: 3 } });
  const told: FlowEvent[] = [];
  resumed.events$.subscribe((event) => told.push(event));
  expect(await resumed.result).toEqual({ b: 3 });
  expect(told.map(({ type }) => type)).not.toContain('FLOW_SUSPEND');
});

test('5.9 an answer whose schema takes its time is waited for', async () => {
  const slow = z.number().refine(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return true;
  });
  const flow = new Flow('slow');
  const a = flow.step('a', question({ answer: slow }), {});
  const compiled = flow.output({ a: a.out });
  const options = { saver: new MemorySaver() };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('a'));
  expect(await compiled.resume(run.id, { ...options, answers: { a: 3 } }).result).toEqual({ a: 3 });
});

const slowly = z.number().refine(async () => {
  await new Promise((resolve) => setTimeout(resolve, 6));
  return true;
});

test('5.11 a run is not suspended while an answer is checked, and is when it is refused', async () => {
  const flow = new Flow('checked');
  const a = flow.step('a', question({ answer: slowly }), {});
  flow.step('b', after(2), {});
  const compiled = flow.output({ a: a.out });
  const run = compiled.start({}, { saver: new MemorySaver() });
  await run.answer('a', 3);
  expect(await run.result).toEqual({ a: 3 });
  const refused = compiled.start({}, { saver: new MemorySaver() });
  await expect(refused.answer('a', 'no')).rejects.toMatchObject({ code: 'invalid-answer' });
  await expect(refused.result).rejects.toMatchObject(suspended('a'));
});

test('5.9, 3.3 an answer that was given is taken by the next attempt, where the first was stopped while it was checked', async () => {
  let checks = 0;
  const answer = z.number().refine(async () => {
    // Its schema tries to be synchronous first.
    const ms = ++checks <= 2 ? 60 : 30;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return true;
  });
  const flow = new Flow('stopped');
  const settings = { retry: { count: 1 }, timeout: { attempt: 40 } };
  const a = flow.step('a', question({ answer }), {}, settings);
  const compiled = flow.output({ a: a.out });
  const saver = new MemorySaver();
  const run = compiled.start({}, { saver });
  await expect(run.result).rejects.toMatchObject(suspended('a'));
  const resumed = compiled.resume(run.id, { saver, answers: { a: 3 } });
  expect(await resumed.result).toEqual({ a: 3 });
});

/** Runs steps below a step, some time after it has begun. */
const runsBelow = (make: (context: StepContext) => Observable<unknown>) => {
  const flow = new Flow('below');
  flow.step(
    'a',
    (_: object, context: StepContext) => timer(2).pipe(concatMap(() => make(context))),
    {},
  );
  return flow.output({});
};

test('5.11 a run is not suspended before all that begins at the same time has begun', async () => {
  const slow = defineStep({ run: after(4) });
  const compiled = runsBelow((context) =>
    together([ask, slow, ask].map((step, i) => runStep(step, {}, context, `[${i}]`))),
  );
  const run = compiled.start({}, { saver: new MemorySaver() });
  await expect(run.result).rejects.toMatchObject(suspended('a[0]', 'a[2]'));
  expect(run.getSnapshot().steps['a[1]']?.status).toBe('success');
});

test('5.11 a run is suspended when what went on beside a question has been stopped', async () => {
  const endless = defineStep({ run: () => NEVER });
  const compiled = runsBelow((context) =>
    merge(
      runStep(endless, {}, context, '[0]').pipe(takeUntil(timer(2))),
      runStep(ask, {}, context, '[1]'),
    ),
  );
  const run = compiled.start({}, { saver: new MemorySaver() });
  await expect(run.result).rejects.toMatchObject(suspended('a[1]'));
});

test('5.9 the input of a flow in the flow is what its schema makes of it, after a resume, too', async () => {
  const inner = new Flow('inner', {
    input: z.object({ n: z.coerce.number(), tone: z.string().default('plain') }),
  });
  const asked = inner.step('ask', ask, {});
  const said = inner.step('said', ({ n, tone, asked }) => [typeof n, tone, asked], {
    n: inner.input.n,
    tone: inner.input.tone,
    asked: asked.out,
  });
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ said: said.out }), { n: '5' as never });
  const compiled = flow.output({ said: sub.out.said });
  const options = { saver: new MemorySaver() };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('sub.ask'));
  const resumed = compiled.resume(run.id, { ...options, answers: { 'sub.ask': 1 } });
  expect(await resumed.result).toEqual({ said: ['number', 'plain', 1] });
});

test('5.9 a flow that reads chunks, and had ended, has ended after a resume, too', async () => {
  const reader = new Flow<{ chunks: Observable<number> }>('reader');
  const read = reader.step(
    'read',
    ({ chunks }: { chunks: Observable<number> }) => chunks.pipe(toArray()),
    { chunks: reader.input.chunks as never },
  );
  const middle = new Flow<{ chunks: Observable<number> }>('middle');
  const deep = middle.step('deep', reader.output({ read: read.out }), {
    chunks: middle.input.chunks as never,
  });
  const asked = middle.step('ask', ask, {});
  const flow = new Flow('outer');
  const write = flow.step(
    'write',
    function* () {
      yield* [1, 2];
    },
    {},
  );
  const sub = flow.step('sub', middle.output({ read: deep.out.read, n: asked.out }), {
    chunks: write.chunks as never,
  });
  const compiled = flow.output({ read: sub.out.read, n: sub.out.n });
  const options = { saver: new MemorySaver() };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toMatchObject(suspended('sub.ask'));
  const resumed = compiled.resume(run.id, { ...options, answers: { 'sub.ask': 1 } });
  expect(await resumed.result).toEqual({ read: [1, 2], n: 1 });
  const { steps } = resumed.getSnapshot();
  expect(Object.values(steps).map(({ status }) => status)).toEqual(
    Object.keys(steps).map(() => 'success'),
  );
});
