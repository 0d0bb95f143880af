import { each, Flow, gt, question, type StepSettings } from 'millrace';
import { map, Subject, take } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { kept } from './flows.ts';

type N = { n: number };

function asking(settings: StepSettings = {}) {
  const flow = new Flow<N>('asking');
  const ask = question({ answer: z.string() });
  const asked = flow.step('ask', ask, { n: flow.input.n }, settings as never);
  return flow.output({ answer: asked.out });
}

test('5.11, 6.5 a question that is superseded is withdrawn, and the newer one is answered', async () => {
  const live = asking().live({ n: 1 });
  const { values } = kept(live.output$);
  live.next({ n: 2 });
  expect(live.getSnapshot().steps['ask']?.question).toEqual({ n: 2 });
  await live.answer('ask', 'yes');
  expect(values).toEqual([{ answer: 'yes' }]);
  await expect(live.answer('ask', 'again')).rejects.toMatchObject({ code: 'invalid-answer' });
});

test('5.11, 6.5 several versions that ask side by side are answered one after the other, the newest first', async () => {
  const live = asking({ policy: 'concat', concurrency: 3 }).live({ n: 1 });
  const { values } = kept(live.output$);
  const states = kept(live.state$);
  live.next({ n: 2 });
  live.next({ n: 3 });
  expect(states.values.at(-1)?.steps['ask']?.question).toEqual({ n: 3 });
  for (const answer of ['third', 'second', 'first']) await live.answer('ask', answer);
  expect(values).toEqual(['first', 'second', 'third'].map((answer) => ({ answer })));
  await expect(live.answer('ask', 'again')).rejects.toMatchObject({ code: 'invalid-answer' });
});

test('5.11, 6.5 when one of several that ask side by side is answered, the state shows the one that is answered next', async () => {
  const live = asking({ policy: 'concat', concurrency: 3 }).live({ n: 1 });
  const states = kept(live.state$);
  live.next({ n: 2 });
  live.next({ n: 3 });
  const asked = () => states.values.at(-1)?.steps['ask'];
  await live.answer('ask', 'third');
  expect(asked()).toMatchObject({ status: 'waiting', question: { n: 2 } });
  await live.answer('ask', 'second');
  expect(asked()).toMatchObject({ status: 'waiting', question: { n: 1 } });
  await live.answer('ask', 'first');
  expect(asked()).toMatchObject({ status: 'success', output: 'third' });
});

test.each(['concat', 'conflate'] as const)(
  '5.11, 6.5 a version whose turn comes with an answer asks once: %s',
  async (policy) => {
    const live = asking({ policy }).live({ n: 1 });
    const { values } = kept(live.events$);
    live.next({ n: 2 });
    await live.answer('ask', 'first');
    const asked = values.filter(({ type }) => type === 'STEP_WAIT');
    expect(asked.map(({ version }) => version)).toEqual([1, 2]);
    live.stop();
  },
);

test('5.11, 6.5 a question below a step is shown with the version that asks it, whatever newer ones do, and is gone with its answer', async () => {
  const go = new Subject<void>();
  const inner = new Flow<N>('inner');
  const slow = inner.step(
    'slow',
    ({ n }) =>
      n === 3
        ? go.pipe(
            take(1),
            map(() => n),
          )
        : n,
    {
      n: inner.input.n,
    },
  );
  const ask = inner.step('ask', question({ answer: z.string() }), { n: slow.out });
  const item = inner.output({ answer: ask.out });
  const flow = new Flow<N>('items');
  const list = flow.step(
    'list',
    each(item),
    { items: [{ n: flow.input.n }] },
    { policy: 'concat', concurrency: 3 },
  );
  const live = flow.output({ list: list.out }).live({ n: 1 });
  const { values } = kept(live.state$);
  const { values: events } = kept(live.events$);
  live.next({ n: 2 });
  live.next({ n: 3 });
  const asked = () => values.at(-1)?.steps['list[0].ask'];
  await live.answer('list[0].ask', 'second');
  expect(events.at(-1)).toMatchObject({ type: 'STEP_WAIT', question: { n: 1 }, version: 1 });
  expect(asked()).toMatchObject({ status: 'waiting', input: { n: 1 }, question: { n: 1 } });
  expect(asked()).not.toHaveProperty('output');
  await live.answer('list[0].ask', 'first');
  expect(asked()).toMatchObject({ status: 'success', output: 'first' });
  go.next();
  expect(asked()).toMatchObject({ status: 'waiting', question: { n: 3 } });
  live.stop();
});

test('5.11 whoever looks at the state late sees what is asked', async () => {
  const live = asking().live({ n: 1 });
  kept(live.output$);
  const waiting = { status: 'waiting', question: { n: 1 } };
  expect(live.getSnapshot().steps['ask']).toMatchObject(waiting);
  const [late] = kept(live.state$.pipe(take(1))).values;
  expect(late?.steps['ask']).toMatchObject(waiting);
  await live.answer('ask', 'yes');
  expect(live.getSnapshot().steps['ask']).toMatchObject({ status: 'success', output: 'yes' });
});

test('5.11, 5.2 whoever looks again after an answer below a step sees that it is asked no more', async () => {
  const flow = new Flow<N>('items');
  const ask = question({ answer: z.string() });
  const items = [{ n: flow.input.n }, { n: flow.input.n }];
  const list = flow.step('list', each(ask), { items });
  const live = flow.output({ list: list.out }).live({ n: 1 });
  kept(live.output$);
  const asked = () =>
    Object.entries(live.getSnapshot().steps).filter(([, { status }]) => status === 'waiting');
  expect(asked().map(([path]) => path)).toEqual(['list[0]', 'list[1]']);
  // Its result waits for that of the item before.
  await live.answer('list[1]', 'second');
  expect(asked().map(([path]) => path)).toEqual(['list[0]']);
  expect(live.getSnapshot()).toBe(live.getSnapshot());
  live.stop();
});

test('5.11 also of a step of a flow, and of an item of a list', async () => {
  const inner = asking();
  const flow = new Flow<{ n: number; items: readonly N[] }>('outer');
  const page = flow.step('page', inner, { n: flow.input.n });
  const pages = flow.step('pages', each(inner), { items: flow.input.items });
  const live = flow
    .output({ page: page.out.answer, pages: pages.out })
    .live({ n: 1, items: [{ n: 2 }, { n: 3 }] });
  kept(live.output$);
  const { steps } = live.getSnapshot();
  expect(Object.keys(steps).filter((path) => steps[path]?.status === 'waiting')).toEqual([
    'page.ask',
    'pages[0].ask',
    'pages[1].ask',
  ]);
});

/** A flow with a setting of its own, whose second step asks, and whose third one makes something of the answer. */
function retried(before: Subject<number>) {
  const inner = new Flow<N>('inner');
  const first = inner.step('first', () => before, { n: inner.input.n });
  const asked = inner.step('ask', question({ answer: z.string() }), { n: first.out });
  const last = inner.step('last', ({ a }) => `${a}!`, { a: asked.out });
  const sub = inner.output({ answer: last.out });
  const flow = new Flow<N>('outer');
  const settings = { retry: { count: 1 }, when: gt(flow.input.n, 0) };
  const page = flow.step('page', sub, { n: flow.input.n }, settings);
  const pages = flow.step('pages', each(each(sub)), { items: [{ items: [{ n: 7 }] }] });
  return flow.output({ page: page.out.answer, pages: pages.out }).live({ n: 1 });
}

const asks = ['page.ask', 'pages[0][0].ask'];

test.each([
  ['before it asks', false],
  ['after it has asked', true],
])(
  '5.11, 6.1 whoever begins to hear late hears a question deep in a flow, and what becomes of it: %s',
  async (_, isAsked) => {
    const before = new Subject<number>();
    const live = retried(before);
    kept(live.output$);
    const go = () => {
      before.next(5);
      before.complete();
    };
    if (isAsked) go();
    const { values } = kept(live.state$);
    if (!isAsked) go();
    const now = (path: string) => values.at(-1)?.steps[path];
    for (const path of asks)
      expect(now(path)).toMatchObject({ status: 'waiting', question: { n: 5 } });
    for (const path of asks) await live.answer(path, 'yes');
    for (const path of asks) expect(now(path)).toMatchObject({ status: 'success', output: 'yes' });
    expect(now('page.last')).toMatchObject({ status: 'success', output: 'yes!' });
    const item = { status: 'success', input: { n: 7 }, output: { answer: 'yes!' } };
    expect(now('pages[0][0]')).toMatchObject(item);
    expect(values.at(-1)).toMatchObject({ status: 'success', output: { page: 'yes!' } });
    // What began while nobody heard has no time of its own.
    for (const { t0 = 0 } of Object.values(values.at(-1)?.steps ?? {}))
      expect(t0).toBeGreaterThan(1e12);
  },
);

test('6.1 what began deep in a step while nobody heard, and is tried again, ends with the step', () => {
  const failing = new Subject<number>();
  const inner = new Flow<N>('inner');
  const retry = { count: 1, delay: 1e6 };
  const part = inner.step('part', () => failing, { n: inner.input.n }, { retry });
  const sub = inner.output({ part: part.out });
  const flow = new Flow<N>('outer');
  const settings = { timeout: { total: 1e6 }, when: gt(flow.input.n, 0) };
  const step = flow.step('step', sub, { n: flow.input.n }, settings);
  const live = flow.output({ part: step.out.part }).live({ n: 1 });
  kept(live.output$);
  const { values } = kept(live.state$);
  failing.error(new Error('once'));
  expect(values.at(-1)?.steps['step.part']?.status).toBe('retrying');
  live.next({ n: 0 });
  const { steps } = values.at(-1) as (typeof values)[number];
  expect([steps['step']?.status, steps['step.part']?.status]).toEqual(['skipped', 'skipped']);
  live.stop();
});

test('5.11, 6.5 a question that was heard of late is withdrawn with the version that asked', () => {
  const before = new Subject<number>();
  const live = retried(before);
  kept(live.output$);
  before.next(5);
  before.complete();
  const { values } = kept(live.state$);
  live.next({ n: 0 });
  const { steps } = values.at(-1) as (typeof values)[number];
  expect(steps['page']?.status).toBe('skipped');
  expect(steps['page.ask']?.status).toBe('skipped');
  expect(steps['pages[0][0].ask']?.status).toBe('waiting');
});
