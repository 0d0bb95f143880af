import {
  defineStep,
  each,
  emptySnapshot,
  Flow,
  type FlowEvent,
  type Live,
  reduce,
  type Snapshot,
} from 'millrace';
import { config, firstValueFrom, map, NEVER, type Observable, Subject, take, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { inVirtualTime, kept, short, work } from './flows.ts';

type N = { n: number };

function twice() {
  const flow = new Flow<N>('twice');
  const step = flow.step('step', ({ n }: N) => n * 2, { n: flow.input.n });
  return flow.output({ n: step.out });
}

test('6.1 each event has the number of its version', () => {
  const n = new Subject<number>();
  const { values } = kept(twice().live({ n }).events$);
  n.next(1);
  n.next(2);
  expect(values.map(short)).toEqual(
    [1, 2].flatMap((version) => [
      `${version} FLOW_START `,
      `${version} STEP_START step`,
      `${version} STEP_OUTPUT step`,
      `${version} FLOW_OUTPUT `,
    ]),
  );
});

test('4.2 numbers of events have no gap', () => {
  const n = new Subject<number>();
  const { values } = kept(twice().live({ n }).events$);
  for (const value of [1, 2, 3]) n.next(value);
  expect(values.map(({ seq }) => seq)).toEqual(values.map((_, i) => i));
});

test('5.1 the state is the events put together', () => {
  const n = new Subject<number>();
  const live = twice().live({ n });
  const { values } = kept(live.events$);
  for (const value of [1, 2]) n.next(value);
  const { runId, flow } = live.getSnapshot();
  expect(values.reduce(reduce, emptySnapshot(runId, flow))).toEqual(live.getSnapshot());
});

test('5.2 the state is the same object as long as nothing has changed, and shares what has not', () => {
  const flow = new Flow<{ n: number; m: number }>('two');
  const a = flow.step('a', ({ n }: N) => ({ n }), { n: flow.input.n });
  const b = flow.step('b', ({ m }: { m: number }) => ({ m }), { m: flow.input.m });
  const live = flow.output({ a: a.out, b: b.out }).live({ n: 1, m: 1 });
  kept(live.state$);
  const before = live.getSnapshot();
  expect(live.getSnapshot()).toBe(before);
  live.next({ m: 2 });
  expect(live.getSnapshot().steps['a']).toBe(before.steps['a']);
  expect(live.getSnapshot().steps['b']).not.toBe(before.steps['b']);
});

test('6.1 whoever begins to listen late is told the state first', () => {
  const n = new Subject<number>();
  const live = twice().live({ n });
  kept(live.output$);
  n.next(1);
  n.next(2);
  const { values } = kept(live.state$);
  expect(values).toMatchObject([
    { version: 2, status: 'success', output: { n: 4 }, steps: { step: { output: 4 } } },
  ]);
  n.next(3);
  expect(values.at(-1)).toMatchObject({ version: 3, status: 'success', output: { n: 6 } });
});

test('6.1 getSnapshot() tells the state though nobody listens', () => {
  const n = new Subject<number>();
  const live = twice().live({ n });
  kept(live.output$);
  n.next(1);
  const first = live.getSnapshot();
  expect(first).toMatchObject({ version: 1, steps: { step: { output: 2 } } });
  expect(live.getSnapshot()).toBe(first);
  n.next(2);
  expect(live.getSnapshot()).toMatchObject({ version: 2, steps: { step: { output: 4 } } });
});

test('6.1 a look at a version under way does not make its end a cancelled one', () => {
  const done = new Subject<number>();
  const flow = new Flow<N>('looked');
  const step = flow.step('step', () => done, { n: flow.input.n });
  const n = new Subject<number>();
  const live = flow.output({ n: step.out }).live({ n });
  const { ended } = kept(live.output$);
  n.next(1);
  expect(live.getSnapshot()).toMatchObject({ status: 'running' });
  done.next(5);
  done.complete();
  n.complete();
  expect(ended).toEqual({ complete: true });
  expect(live.getSnapshot()).toMatchObject({ status: 'success', output: { n: 5 } });
});

test('6.1 whoever begins to hear, or looks, while a step is called that answers at once sees that version under way, and its end', () => {
  const flow = new Flow<N>('called');
  let act = () => {};
  const step = flow.step(
    'step',
    ({ n }: N) => {
      act();
      return n * 2;
    },
    { n: flow.input.n },
  );
  const after = flow.step('after', ({ n }) => n + 1, { n: step.out });
  const live = flow.output({ n: after.out }).live({ n: 1 });
  kept(live.output$);
  let looked: unknown;
  act = () => {
    looked = live.getSnapshot();
  };
  live.next({ n: 2 });
  expect(looked).toMatchObject({ version: 2, status: 'running', output: { n: 3 } });
  let late: ReturnType<typeof kept> | undefined;
  let told: ReturnType<typeof kept<FlowEvent>> | undefined;
  act = () => {
    late ??= kept(live.state$);
    told ??= kept(live.events$);
  };
  live.next({ n: 3 });
  const end = { status: 'success', version: 3, output: { n: 7 }, steps: { step: { output: 6 } } };
  expect(late?.values.at(0)).toMatchObject({ version: 3, status: 'running', output: { n: 5 } });
  expect(late?.values.at(-1)).toMatchObject(end);
  expect(live.getSnapshot()).toMatchObject(end);
  expect(told?.values.map(short)).toEqual([
    '3 STEP_OUTPUT step',
    '3 STEP_START after',
    '3 STEP_OUTPUT after',
    '3 FLOW_OUTPUT ',
  ]);
});

test.each(['state$', 'output$'] as const)(
  '6.1, 6.6 after the end the state has the output that there was, though the last version has failed: %s is heard',
  (stream) => {
    const n = new Subject<number>();
    const flow = new Flow<N>('inverse');
    const step = flow.step(
      'step',
      ({ n }: N) => {
        if (n === 0) throw new Error('none');
        return 1 / n;
      },
      { n: flow.input.n },
    );
    const live = flow.output({ n: step.out }).live({ n });
    kept<unknown>(live[stream]);
    n.next(1);
    n.next(0);
    n.complete();
    expect(live.getSnapshot()).toMatchObject({ status: 'failure', output: { n: 1 }, version: 2 });
  },
);

test('6.1 looking at the state counts no usage twice', () => {
  const flow = new Flow<N>('counted');
  const asks = defineStep({ run: ({ n }: N) => n, usage: () => ({ tokens: 10 }) });
  const step = flow.step('step', asks, { n: flow.input.n });
  const live = flow.output({ n: step.out }).live({ n: 1 });
  kept(live.output$);
  for (let i = 0; i < 3; i++) {
    live.getSnapshot();
    kept(live.state$.pipe(take(1)));
  }
  const usages: unknown[] = [];
  live.events$.subscribe((event) => {
    if (event.type === 'FLOW_OUTPUT') usages.push(event.usage);
  });
  live.next({ n: 2 });
  live.next({ n: 3 });
  expect(usages).toEqual([{ tokens: 20 }, { tokens: 30 }]);
});

test('6.1 whoever looks while several versions are at work in a step sees the newest, as all others do', () => {
  const live = work({ policy: 'concat', concurrency: 2 }, 3).live({ n: 1 });
  kept(live.output$);
  live.next({ n: 2 });
  const late = live.getSnapshot().steps['step'];
  const told = work({ policy: 'concat', concurrency: 2 }, 3).live({ n: 1 });
  kept(told.state$);
  told.next({ n: 2 });
  expect(late?.input).toEqual({ n: 2 });
  expect(told.getSnapshot().steps['step']?.input).toEqual({ n: 2 });
  for (const each of [live, told]) each.stop();
});

test.each([
  ['merge', { policy: 'merge' }],
  ['concat', { policy: 'concat', concurrency: 2 }],
] as const)(
  '6.5 a step that works on several versions side by side is at work until the newest has its answer: %s',
  (_, settings) => {
    inVirtualTime(({ hot, flush }) => {
      const n = hot<number>('1-2---------|', { 1: 1, 2: 2 });
      const seen = (isLate: boolean) => {
        const live = work(settings, (n) => (n === 1 ? 4 : 6)).live({ n } as never);
        const states: unknown[] = [];
        const note = () => {
          const { steps, status } = live.getSnapshot();
          states.push([status, steps['step']?.status, steps['step']?.input]);
        };
        kept<unknown>(isLate ? live.output$ : live.state$);
        for (const at of [3, 5, 9]) timer(at).subscribe(note);
        return states;
      };
      const [told, late] = [seen(false), seen(true)];
      flush();
      expect(told).toEqual([
        ['running', 'running', { n: 2 }],
        ['running', 'running', { n: 2 }],
        ['success', 'success', { n: 2 }],
      ]);
      expect(late).toEqual(told);
    });
  },
);

test('6.5 an item that works on several versions side by side is at work until the newest has its answer', () => {
  inVirtualTime(({ hot, flush }) => {
    const n = hot<number>('1-2---------|', { 1: 1, 2: 2 });
    const flow = new Flow<N>('items');
    const takes = ({ n, item }: { n: number; item: number }) =>
      timer(n === 1 ? 4 : 6).pipe(map(() => n * item));
    const step = flow.step(
      'step',
      each(takes, { as: 'item' }),
      { n: flow.input.n, items: [1] },
      { policy: 'merge' },
    );
    const live = flow.output({ n: step.out }).live({ n } as never);
    const states: unknown[] = [];
    live.state$.subscribe(({ steps }) => {
      const { status, output } = steps['step[0]'] ?? {};
      states.push(status === 'success' ? output : status);
    });
    flush();
    expect(states.filter((state, i) => state !== states[i - 1])).toEqual([
      'running',
      undefined,
      'running',
      2,
    ]);
  });
});

test('2.13 what a live flow tells of its input cannot be changed, and does not change', () => {
  const live = twice().live({ n: 1 });
  kept(live.output$);
  live.next({ n: 2 });
  const { input } = live.getSnapshot();
  expect(Object.isFrozen(input)).toBe(true);
  live.next({ n: 3 });
  expect(input).toEqual({ n: 2 });
  expect(live.getSnapshot().input).toEqual({ n: 3 });
});

test('6.5 a step whose newer work was given up tells its last answer again', () => {
  inVirtualTime(({ hot, flush }) => {
    const n = hot<number>('1----21----|', { 1: 1, 2: 2 });
    const events: FlowEvent[] = [];
    work({}, 3)
      .live({ n } as never)
      .events$.subscribe((event) => events.push(event));
    flush();
    const ofStep = events.filter(({ type, path }) => path === 'step' && type !== 'STEP_CHUNK');
    expect(ofStep.map(short)).toEqual([
      '1 STEP_START step',
      '1 STEP_OUTPUT step',
      '2 STEP_START step',
      '2 STEP_SKIP step',
      '3 STEP_OUTPUT step',
    ]);
  });
});

test('3.6 an error thrown by a subscriber disturbs nobody', async () => {
  const thrown = new Promise((resolve) => {
    config.onUnhandledError = resolve;
  });
  const n = new Subject<number>();
  const live = twice().live({ n });
  live.output$.subscribe((output) => {
    if (output.n === 2) throw new Error('mine');
  });
  const { values } = kept(live.output$);
  n.next(1);
  n.next(2);
  expect(values).toEqual([{ n: 2 }, { n: 4 }]);
  expect(await thrown).toMatchObject({ message: 'mine' });
  config.onUnhandledError = null;
});

test('6.1 a subscriber may set inputs, stop listening, or begin to, while it is told', () => {
  const live = twice().live({ n: 0 });
  const late: number[] = [];
  const first = live.output$.subscribe(({ n }) => {
    if (n === 2) live.next({ n: 5 });
    if (n === 10) {
      live.output$.subscribe((output) => late.push(output.n));
      first.unsubscribe();
    }
  });
  live.next({ n: 1 });
  expect(late).toEqual([10]);
  live.next({ n: 6 });
  expect(late).toEqual([10, 12]);
});

test.each(['FLOW_START', 'STEP_START', 'STEP_OUTPUT'])(
  '6.1 whoever hears %s may stop it, and again when that is told: the last state is that of the end',
  (type) => {
    const live = twice().live({ n: 1 });
    live.events$.subscribe((event) => {
      if (event.type === type && event.version === 2) live.stop();
    });
    const { values, ended } = kept(live.state$);
    live.state$.subscribe(({ status }) => {
      if (status === 'cancelled') live.stop();
    });
    live.next({ n: 2 });
    expect(ended).toEqual({ complete: true });
    expect(values.filter(({ status }) => status === 'cancelled')).toEqual([values.at(-1)]);
  },
);

test.each([{}, { timeout: { total: 1000 } }])(
  '6.1 whoever hears that work is given up may stop it: nothing begins any more (%j)',
  (settings) => {
    const calls: number[] = [];
    const flow = new Flow<N>('stopped');
    const step = flow.step(
      'step',
      ({ n }: N) => {
        calls.push(n);
        return NEVER;
      },
      { n: flow.input.n },
      settings,
    );
    const live = flow.output({ n: step.out }).live({ n: 1 });
    live.events$.subscribe(({ type }) => {
      if (type === 'STEP_SKIP') live.stop();
    });
    live.next({ n: 2 });
    expect(calls).toEqual([1]);
  },
);

test('6.1 subscribed to again it starts anew, with what next() has set', () => {
  inVirtualTime(({ flush }) => {
    const calls: number[] = [];
    const flow = new Flow<N>('anew');
    const step = flow.step(
      'step',
      ({ n }: N) => {
        calls.push(n);
        return timer(1).pipe(map(() => n));
      },
      { n: flow.input.n },
    );
    const live = flow.output({ n: step.out }).live({ n: 1 });
    const first = kept(live.output$);
    live.next({ n: 2 });
    flush();
    first.stop();
    const second = kept(live.output$);
    expect(second.values).toEqual([]);
    flush();
    expect(calls).toEqual([1, 2, 2]);
    expect(second.values).toEqual([{ n: 2 }]);
  });
});

test.each(['output$', 'state$'] as const)(
  '6.1 whoever comes late and ends it with the first value is told the end, and it does not begin anew: %s',
  (stream) => {
    const calls: number[] = [];
    const flow = new Flow<N>('called');
    const step = flow.step('step', ({ n }: N) => calls.push(n), { n: flow.input.n });
    const live = flow.output({ n: step.out }).live({ n: 1 });
    const first = kept(live.output$);
    const late: string[] = [];
    (live[stream] as Observable<unknown>).subscribe({
      next: () => {
        late.push('value');
        live.stop();
      },
      complete: () => late.push('end'),
    });
    expect(late).toEqual(['value', 'end']);
    expect(calls).toEqual([1]);
    expect(first.ended).toEqual({ complete: true });
  },
);

test('6.1 whoever begins to hear from within "equals" hears that the version begins whose input is compared', () => {
  const inputs = new Subject<N>();
  let seen: readonly Snapshot[] = [];
  const equals = (before: unknown, now: unknown) => {
    seen = kept(live.state$).values;
    return before === now;
  };
  const live: Live<N, { n: number }> = twice().live(inputs, { equals });
  kept(live.output$);
  inputs.next({ n: 1 });
  inputs.next({ n: 2 });
  expect(seen[0]).toMatchObject({ version: 1, input: { n: 1 }, status: 'success' });
  expect(seen.at(-1)).toMatchObject({ version: 2, input: { n: 2 }, output: { n: 4 } });
});

test('6.5 an older version that begins after a newer one does not hide that this is at work', async () => {
  const done = [new Subject<boolean>(), new Subject<boolean>()];
  const go = new Subject<void>();
  const input = z.object({
    n: z.number().refine((n) => firstValueFrom(done[n - 1] as Subject<boolean>)),
  });
  const flow = new Flow<N>('late');
  const pass = flow.step('pass', ({ n }: N) => n, { n: flow.input.n });
  const run = ({ n }: N) =>
    n === 1
      ? n
      : go.pipe(
          map(() => n),
          take(1),
        );
  const settings = { policy: 'concat', concurrency: 2 } as const;
  const step = flow.step('step', defineStep({ input, run }), { n: pass.out }, settings);
  const live = flow.output({ n: step.out }).live({ n: 1 });
  const { values } = kept(live.state$);
  live.next({ n: 2 });
  for (const each of done.reverse()) {
    each.next(true);
    await new Promise((over) => setTimeout(over));
  }
  expect(values.at(-1)?.steps['step']).toMatchObject({ status: 'running', input: { n: 2 } });
  go.next();
  expect(values.at(-1)?.steps['step']).toMatchObject({ status: 'success', output: 2 });
  live.stop();
});
