/** What users' code may do while a live flow tells it something, and names and values that are seldom. */
import { defineStep, Flow, type FlowEvent, question } from 'millrace';
import { defer, NEVER, of, repeat, retry, Subject, take, throwError } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { kept } from './flows.ts';

type N = { n: number };

function twice(code: (params: N) => unknown = ({ n }) => n * 2) {
  const flow = new Flow<N>('twice');
  const step = flow.step('step', code as (params: N) => number, { n: flow.input.n });
  return flow.output({ n: step.out });
}

function inverse() {
  const flow = new Flow<N>('inverse');
  const code = ({ n }: N) => {
    if (n === 0) throw new Error('0 has no inverse');
    return 1 / n;
  };
  return flow.output({ n: flow.step('step', code, { n: flow.input.n }).out });
}

test('6.1 who comes late, and acts on the output that it gets first, gets what comes of that', () => {
  const live = twice().live({ n: 1 });
  kept(live.output$);
  const got: number[] = [];
  live.output$.subscribe(({ n }) => {
    got.push(n);
    if (n === 2) live.next({ n: 5 });
  });
  expect(got).toEqual([2, 10]);
});

test('6.1 who comes late, and acts on the state that it gets first, gets the states that come of that', async () => {
  const flow = new Flow<N>('asks');
  const asked = flow.step('ask', question({ answer: z.string() }), { n: flow.input.n });
  const live = flow.output({ answer: asked.out }).live({ n: 1 });
  kept(live.state$);
  const got: string[] = [];
  live.state$.subscribe(({ status, steps }) => {
    got.push(status);
    if (steps['ask']?.status === 'waiting') void live.answer('ask', 'yes');
  });
  await Promise.resolve();
  expect(got.at(-1)).toBe('success');
});

test('6.1 the state that a subscriber looks at is that of the output which it is told', () => {
  const live = twice().live({ n: 1 });
  const seen: unknown[] = [];
  live.output$.subscribe((output) => {
    seen.push([output, live.getSnapshot().output]);
    if (output.n === 2) live.next({ n: 5 });
  });
  expect(seen).toEqual([
    [{ n: 2 }, { n: 2 }],
    [{ n: 10 }, { n: 10 }],
  ]);
});

test('6.1 the last state is told before the end, whoever brings that about', () => {
  const live = twice().live({ n: 1 });
  live.events$.subscribe(({ type, version }) => {
    if (type === 'FLOW_OUTPUT' && version === 2) live.stop();
  });
  const { values, ended } = kept(live.state$);
  live.next({ n: 2 });
  expect(ended).toEqual({ complete: true });
  expect(values.at(-1)).toMatchObject({ version: 2, status: 'success' });
});

test('6.1 what an input sets while a late report is told comes after that for everybody', async () => {
  let deliver: (value: number) => void = () => {};
  const late = new Promise<number>((resolve) => {
    deliver = resolve;
  });
  const slow = ({ n }: N) => (n === 1 ? late : n);
  const live = twice(slow).live({ n: 1 });
  live.events$.subscribe(({ type }) => {
    if (type === 'STEP_LATE') live.next({ n: 3 });
  });
  const { values } = kept(live.events$);
  live.next({ n: 2 });
  deliver(1);
  await new Promise((resolve) => setImmediate(resolve));
  const order = values.map(({ seq }: FlowEvent) => seq);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(values.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', version: 3 });
});

test('6.1 repeated, it starts anew: with no output of the life before, and with questions that can be answered', async () => {
  const flow = new Flow<N>('asks');
  const asked = flow.step('ask', question({ answer: z.string() }), { n: flow.input.n });
  const live = flow.output({ answer: asked.out }).live({ n: 1 });
  const { values } = kept(live.output$.pipe(repeat(2)));
  await live.answer('ask', 'first');
  live.stop();
  expect(values).toEqual([{ answer: 'first' }]);
  await live.answer('ask', 'second');
  expect(values).toEqual([{ answer: 'first' }, { answer: 'second' }]);
});

test('6.1 tried again after an input has failed, it starts anew', () => {
  const inputs = [new Subject<number>(), new Subject<number>()];
  let tries = 0;
  const n = defer(() => inputs[tries++] ?? NEVER);
  const live = twice().live({ n });
  const { values } = kept(live.output$.pipe(retry(1)));
  inputs[0]?.next(1);
  inputs[0]?.error(new Error('gone'));
  inputs[1]?.next(2);
  expect(values).toEqual([{ n: 2 }, { n: 4 }]);
  expect(live.getSnapshot()).toMatchObject({ status: 'success', output: { n: 4 } });
});

test('6.1 what was at work when an input failed is told as cancelled', () => {
  const n = new Subject<number>();
  const live = twice(() => NEVER).live({ n });
  const { values, ended } = kept(live.state$);
  n.next(1);
  n.error(new Error('gone'));
  expect(ended.error).toMatchObject({ message: 'gone' });
  expect(values.at(-1)?.status).toBe('cancelled');
});

test('6.1 the state stays when it has ended, though nobody has looked', () => {
  const live = twice().live({ n: of(1, 2) });
  kept(live.output$);
  expect(live.getSnapshot()).toMatchObject({ version: 2, status: 'success', output: { n: 4 } });
  expect(live.getSnapshot()).toBe(live.getSnapshot());
});

test('6.1 whoever subscribes to the state again is told that it has begun anew, though no input has come', () => {
  const n = new Subject<number>();
  const live = twice().live({ n });
  const first = kept(live.state$);
  n.next(1);
  first.stop();
  const { values } = kept(live.state$);
  expect(values.at(-1)).toMatchObject({ status: 'pending', steps: {} });
  expect(values.at(-1)).toBe(live.getSnapshot());
});

test('6.1 so does that of a live flow which was left, or stopped, while a step was at work', () => {
  const live = twice(() => NEVER).live({ n: 1 });
  live.output$.subscribe().unsubscribe();
  const left = live.getSnapshot();
  expect(left).toMatchObject({ status: 'cancelled', version: 1, input: { n: 1 } });
  expect(left.steps['step']?.status).toBe('cancelled');
  kept(live.output$);
  live.stop('enough');
  expect(live.getSnapshot().error?.message).toMatch('enough');
});

test('6.6 whoever looks late, while a version is at work after one that failed, sees the last output as all others do', async () => {
  const code = async ({ n }: N) => {
    if (n === 2) throw new Error('2');
    return n;
  };
  const [heard, late] = [twice(code).live({ n: 1 }), twice(code).live({ n: 1 })];
  kept(heard.state$);
  kept(late.output$);
  for (const n of [2, 3]) {
    await new Promise((resolve) => setImmediate(resolve));
    for (const live of [heard, late]) live.next({ n });
  }
  expect(heard.getSnapshot()).toMatchObject({ status: 'running', version: 3, output: { n: 1 } });
  expect(late.getSnapshot()).toMatchObject({ status: 'running', version: 3, output: { n: 1 } });
});

test('6.6 whoever looks late, after a version that failed, sees the failure', () => {
  const live = inverse().live({ n: 4 });
  kept(live.output$);
  live.next({ n: 0 });
  expect(live.getSnapshot()).toMatchObject({ status: 'failure', version: 2 });
});

test('6.1 whoever looks at a flow in a flow whose first steps answered at once sees that it is at work', () => {
  const inner = new Flow<N>('inner');
  const quick = inner.step('quick', ({ n }: N) => n, { n: inner.input.n });
  const slow = inner.step('slow', (_: N) => NEVER, { n: quick.out });
  const flow = new Flow<N>('outer');
  const page = flow.step('page', inner.output({ n: slow.out as never }), { n: flow.input.n });
  const live = flow.output({ n: page.out.n }).live({ n: 1 });
  kept(live.output$);
  const { steps } = live.getSnapshot();
  expect(steps['page.slow']?.status).toBe('running');
  expect(steps['page']?.status).toBe('running');
});

test('6.3 whoever looks at a flow in a flow sees its newest input, though nothing in it gave anything new', () => {
  const inner = new Flow<N>('inner');
  const sign = inner.step('sign', ({ n }: N) => Math.sign(n), { n: inner.input.n });
  const flow = new Flow<N>('outer');
  const page = flow.step('page', inner.output({ sign: sign.out }), { n: flow.input.n });
  const live = flow.output({ sign: page.out.sign }).live({ n: 1 });
  kept(live.output$);
  live.next({ n: 2 });
  expect(live.getSnapshot().steps['page.sign']?.input).toEqual({ n: 2 });
  expect(live.getSnapshot().steps['page']?.input).toEqual({ n: 2 });
});

test.each([
  ['given as a value', [{ '1': 1 }], 1],
  ['set before anybody subscribes', [{ '1': 1 }, { '1': 2 }], 2],
] as const)('1.6 an input may have any name, "__proto__" too: %s', (_, [first, next], wish) => {
  const name: string = '__proto__';
  // Written in a literal it would be the prototype.
  const odd = (inputs: object) => Object.fromEntries([[name, Object.values(inputs)[0]]]);
  const flow = new Flow<Record<string, number>>('odd');
  const step = flow.step('step', ({ n }: N) => n, { n: flow.input[name] as never });
  const live = flow.output({ n: step.out }).live(odd(first));
  if (next) live.next(odd(next));
  expect(kept(live.output$).values).toEqual([{ n: wish }]);
});

test('6.1 next() after an input that was no object goes on from nothing', () => {
  const inputs = new Subject<N>();
  const live = twice().live(inputs);
  const { values } = kept(live.output$);
  inputs.next('abc' as never);
  live.next({ n: 1 });
  expect(values).toEqual([{ n: 2 }]);
});

test('6.1 an input that fails at once is the end, and nothing has begun', () => {
  const live = twice().live({ n: throwError(() => new Error('none')) });
  expect(kept(live.output$).ended.error).toMatchObject({ message: 'none' });
  expect(kept(live.state$.pipe(take(1))).values).toMatchObject([{ status: 'pending' }]);
});

test('6.5 whoever looks late at a step that drops versions sees the version that its state is of', () => {
  const works: Subject<number>[] = [];
  const flow = new Flow<{ n: number }>('busy');
  const step = flow.step(
    'step',
    () => {
      const work = new Subject<number>();
      works.push(work);
      return work;
    },
    { n: flow.input.n },
    { policy: 'exhaust' },
  );
  const live = flow.output({ n: step.out }).live({ n: 1 });
  const { values } = kept(live.output$);
  live.next({ n: 2 });
  expect(live.getSnapshot()).toMatchObject({ version: 1, status: 'running' });
  works[0]?.next(1);
  works[0]?.complete();
  const { version, status, output } = live.getSnapshot();
  expect([version, status, output, values]).toEqual([1, 'success', { n: 1 }, [{ n: 1 }]]);
});

test('6.5 a version that is dropped leaves the state with the one that its step is busy with, though that has yet to check its params', async () => {
  const input = z.object({ n: z.number() });
  const flow = new Flow<N>('checked', { input });
  const twice = defineStep({ input: input.refine(async () => true), run: ({ n }) => n * 2 });
  const step = flow.step('step', twice, { n: flow.input.n }, { policy: 'exhaust' });
  const live = flow.output({ n: step.out }).live({ n: 1 });
  const { values } = kept(live.state$);
  live.next({ n: 2 });
  expect(live.getSnapshot()).toMatchObject({ version: 1, status: 'running' });
  await new Promise((done) => setTimeout(done));
  expect(values.at(-1)).toMatchObject({ version: 1, status: 'success', output: { n: 2 } });
});
