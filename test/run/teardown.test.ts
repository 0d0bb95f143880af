import { each, Flow, type FlowEvent, repeat, type StepContext, type StepSettings } from 'millrace';
import {
  defer,
  finalize,
  from,
  map,
  mergeMap,
  NEVER,
  Observable,
  type OperatorFunction,
  throwError,
  timer,
} from 'rxjs';
import { expect, test, vi } from 'vitest';
import { inVirtualTime, outputOf, virtually } from './told.ts';

/** Work that nobody else may do at the same time: it holds what it works with until it is torn down. */
function exclusive() {
  let isHeld = false;
  const work =
    <T>(value: T, fails = () => false) =>
    () =>
      defer(() => {
        if (isHeld) throw new Error('it is held');
        isHeld = true;
        return timer(2).pipe(
          map(() => {
            if (fails()) throw new Error('fails');
            return value;
          }),
          finalize(() => {
            isHeld = false;
          }),
        );
      });
  return work;
}

const failsOnce = () => {
  let calls = 0;
  return () => ++calls === 1;
};

test('2.10 what a step holds is let go before the next step begins', () => {
  const work = exclusive();
  const flow = new Flow('next');
  const a = flow.step('a', work('a'), {});
  const b = flow.step(
    'b',
    work('b', () => true),
    {},
    { after: [a] },
  );
  const c = flow.step('c', work('c'), {}, { after: [b], join: 'settled' });
  const compiled = flow.output({ a: a.out, c: c.out });
  const told = virtually(compiled, {});
  expect(outputOf(told)).toEqual({ a: 'a', c: 'c' });
});

test.each<[string, Pick<StepSettings, 'retry'> & { cache?: object }, string]>([
  ['attempt', { retry: { count: 1 } }, 'a'],
  ['attempt, after a delay,', { retry: { count: 1, delay: 1 } }, 'a'],
  ['call of a step with a cache', { cache: {}, retry: { count: 1 } }, 'a'],
])('2.10 what an attempt holds is let go before the next %s begins', (_, settings, result) => {
  const work = exclusive();
  const flow = new Flow('attempts');
  const a = flow.step('a', work('a', failsOnce()), {}, settings);
  const b = flow.step('b', work('b'), {}, { after: [a] });
  const compiled = flow.output({ a: a.out, b: b.out });
  const told = virtually(compiled, {});
  expect(outputOf(told)).toEqual({ a: result, b: 'b' });
});

test('2.10 what an attempt holds is let go before the fallback begins', () => {
  const work = exclusive();
  const flow = new Flow('fallback');
  const a = flow.step(
    'a',
    work('a', () => true),
    {},
    { fallback: work('instead') },
  );
  const compiled = flow.output({ a: a.out });
  const told = virtually(compiled, {});
  expect(outputOf(told)).toEqual({ a: 'instead' });
});

test('2.10 what rounds and items hold is let go before the next one begins', () => {
  const work = exclusive();
  const flow = new Flow('below');
  const rounds = flow.step(
    'rounds',
    repeat((_: { i: number }) => work({ i: 1 })(), { while: () => true, max: 3 }),
    { i: 0 },
  );
  const items = flow.step(
    'items',
    each((_: { i: number }) => work('item')(), { as: 'i', concurrency: 1 }),
    { items: [1, 2, 3] },
    { after: [rounds] },
  );
  const compiled = flow.output({ rounds: rounds.out.i, items: items.out });
  const told = virtually(compiled, {});
  expect(outputOf(told)).toEqual({ rounds: 1, items: ['item', 'item', 'item'] });
});

test('2.10, 2.16 what a run holds is let go before the next run of an operator begins', () => {
  const work = exclusive();
  const flow = new Flow('runs');
  const a = flow.step('a', work('a'), {});
  const compiled = flow.output({ a: a.out });
  const got: unknown[] = [];
  inVirtualTime(() => {
    from([{}, {}, {}])
      .pipe(compiled.operator() as OperatorFunction<object, unknown>)
      .subscribe((output) => got.push(output));
  });
  expect(got).toEqual([{ a: 'a' }, { a: 'a' }, { a: 'a' }]);
});

test.each<[string, Pick<StepSettings, 'retry'>]>([
  ['a plain step', {}],
  ['a step with settings', { retry: { count: 1 } }],
])(
  '3.5 what the teardown of %s throws at its end is told as late and logged, and undoes nothing',
  async (_, settings) => {
    const flow = new Flow('closing');
    const code = () =>
      new Observable<string>((out) => {
        const timer = setTimeout(() => {
          out.next('done');
          out.complete();
        }, 1);
        return () => {
          clearTimeout(timer);
          throw new Error('cannot close');
        };
      });
    const a = flow.step('a', code, {}, settings);
    const error = vi.fn();
    const run = flow.output({ a: a.out }).start({}, { logger: { ...console, error } });
    const told: FlowEvent[] = [];
    run.events$.subscribe((event) => told.push(event));
    expect(await run.result).toEqual({ a: 'done' });
    const late = told.filter(({ type }) => type === 'STEP_LATE');
    expect(late).toMatchObject([{ path: 'a', error: { name: 'UnsubscriptionError' } }]);
    expect(JSON.stringify(late)).toContain('cannot close');
    expect(error).toHaveBeenCalledOnce();
  },
);

test('2.10 a teardown that ends the run is the end of it, and the step has no outcome', () => {
  const flow = new Flow('ends');
  const controller = new AbortController();
  const code = (_: object, __: StepContext) =>
    timer(1).pipe(finalize(() => controller.abort('torn down')));
  const a = flow.step('a', code, {});
  const compiled = flow.output({ a: a.out });
  const told = virtually(compiled, {}, { signal: controller.signal });
  expect(told.events.map(({ type }) => type)).toEqual([
    'FLOW_START',
    'STEP_START',
    'STEP_CHUNK',
    'FLOW_CANCEL',
  ]);
});

test('3.5, 2.10 a teardown that cancels a run that is about to fail is the end of it: nothing is told behind it', async () => {
  const flow = new Flow('failing');
  flow.step('a', () => NEVER.pipe(finalize(() => run.cancel('torn down'))), {});
  flow.step('b', () => timer(1).pipe(mergeMap(() => throwError(() => new Error('fails')))), {});
  const run = flow.output({}).start({}, { onError: 'stop' });
  await expect(run.result).rejects.toMatchObject({ code: 'cancelled' });
  expect(run.getSnapshot().status).toBe('cancelled');
});

test('2.10 where the signal of a step that fails makes it fail once more, the first failure counts', () => {
  const flow = new Flow('twice');
  const code = (_: object, { signal }: StepContext) =>
    new Observable((out) => {
      signal.addEventListener('abort', () => out.error(new Error('second')));
      out.add(timer(1).subscribe(() => out.next(Promise.resolve('no chunk'))));
    });
  const a = flow.step('a', code, {});
  const compiled = flow.output({ a: a.error.code });
  const told = virtually(compiled, {});
  expect(told.events.filter(({ type }) => type === 'STEP_OUTPUT')).toHaveLength(1);
  expect(outputOf(told)).toEqual({ a: 'invalid-result' });
});
