import { eq, Flow, type FlowEvent } from 'millrace';
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  endings,
  failing,
  inVirtualTime,
  listen,
  starts,
  stateOf,
  virtually,
} from './told.ts';

const one = () => 1;

function mixed() {
  const inner = new Flow<{ x: number }>('inner');
  const p = inner.step('p', ({ x }: { x: number }) => x, { x: inner.input.x });
  const q = inner.step('q', after(5, 1), {}, { when: eq(p.out, 1) });
  const flow = new Flow<{ n: number }>('mixed');
  const a = flow.step('a', after(1, 1), {});
  const bad = flow.step('bad', failing('x', 3), {});
  flow.step('hurt', one, {}, { after: [bad, a] });
  const sub = flow.step('sub', inner.output({ q: q.out }), { x: flow.input.n });
  const apart = flow.step(
    'apart',
    inner.output({ q: q.out }),
    { x: flow.input.n },
    { retry: { count: 1 } },
  );
  flow.step('never', one, {}, { when: eq(flow.input.n, 77) });
  flow.step('end', one, {}, { after: [sub, apart] });
  return flow.output({ q: sub.out.q });
}

test('2.2 a run ends with one outcome for every step, and each was started at most once', () => {
  for (const n of [1, 2]) {
    const told = virtually(mixed(), { n });
    const q = n === 1 ? 'success' : 'condition-false';
    expect(endings(told)).toEqual({
      a: 'success',
      bad: 'failure',
      hurt: 'upstream-failed',
      'sub.p': 'success',
      'sub.q': q,
      sub: 'success',
      'apart.p': 'success',
      'apart.q': q,
      apart: 'success',
      never: 'condition-false',
      end: 'success',
    });
    const started = Object.keys(starts(told));
    const ran = Object.entries(endings(told)).filter(
      ([, end]) => end === 'success' || end === 'failure',
    );
    expect(started.sort()).toEqual(ran.map(([path]) => path).sort());
    expect(told.isComplete).toBe(true);
  }
});

test('2.2 attempts of a retry are one start', () => {
  const flow = new Flow('retried');
  let count = 0;
  flow.step(
    'a',
    () => {
      if (++count < 4) throw new Error('again');
    },
    {},
    { retry: { count: 5 } },
  );
  const told = atOnce(flow.output({}), {});
  expect(starts(told)).toHaveProperty('a');
  expect(told.events.filter(({ type }) => type === 'STEP_START')).toHaveLength(1);
  expect(told.events.filter(({ type }) => type === 'STEP_OUTPUT')).toMatchObject([{ attempts: 4 }]);
});

test('2.2 a step at work when the run is cancelled ends as cancelled; the others keep their outcome', () => {
  inVirtualTime(() => {
    const run = mixed().start({ n: 1 });
    const told = listen(run.events$);
    const stop = new Subject<void>();
    stop.subscribe(() => run.cancel('enough'));
    after(4, 0)().subscribe(stop as never);
    run.output$.subscribe({ error: () => undefined });
    run.events$.subscribe({
      complete: () => {
        const { steps, status } = run.getSnapshot();
        expect(status).toBe('cancelled');
        expect(
          Object.fromEntries(Object.entries(steps).map(([path, step]) => [path, step.status])),
        ).toEqual({
          a: 'success',
          bad: 'failure',
          hurt: 'skipped',
          'sub.p': 'success',
          'sub.q': 'cancelled',
          sub: 'cancelled',
          'apart.p': 'success',
          'apart.q': 'cancelled',
          apart: 'cancelled',
          never: 'skipped',
        });
        expect(stateOf(told).status).toBe('cancelled');
      },
    });
  });
});

test('2.2 an end comes after its start, and nothing of a step comes after its end', () => {
  const told = virtually(mixed(), { n: 1 });
  const ended = new Set<string>();
  const started = new Set<string>();
  const check = ({ type, path }: FlowEvent) => {
    if (!type.startsWith('STEP_')) return;
    expect(ended).not.toContain(path);
    if (type === 'STEP_START') started.add(path);
    else if (type !== 'STEP_SKIP') expect(started).toContain(path);
    if (type === 'STEP_OUTPUT' || type === 'STEP_SKIP') ended.add(path);
  };
  told.events.forEach(check);
});
