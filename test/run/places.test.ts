/** Places under limits, and who gets those that are left by what is stopped. */
import { each, Flow, type StepSettings } from 'millrace';
import { from, map, type OperatorFunction, Subject, takeUntil, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, lines, listen } from './told.ts';

/** Items of a flow whose step has one place. */
function items(settings: Pick<StepSettings, 'timeout'>, work = () => timer(5)) {
  const calls: number[] = [];
  const inner = new Flow<{ i: number }>('inner');
  const { i } = inner.input;
  const code = ({ i }: { i: number }) => {
    calls.push(i);
    return work().pipe(map(() => i));
  };
  const step = inner.step('step', code, { i }, { concurrency: 1 });
  const flow = new Flow('outer');
  flow.step(
    'all',
    each(inner.output({ i: step.out }), { as: 'i' }),
    { items: [0, 1, 2] },
    settings,
  );
  return { calls, flow: flow.output({}) };
}

test('2.2, 3.5 what waits for a place when its run is cancelled has not begun, and does not begin then', () => {
  const flow = new Flow('cancelled');
  const calls: string[] = [];
  for (const id of ['a', 'b', 'c'])
    flow.step(
      id,
      () => {
        calls.push(id);
        return timer(10);
      },
      {},
    );
  const compiled = flow.output({});
  inVirtualTime(() => {
    const run = compiled.start({}, { concurrency: 1 });
    const told = listen(run.events$);
    run.cancel('enough');
    expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
    expect(Object.keys(run.getSnapshot().steps)).toEqual(['a']);
    expect(calls).toEqual(['a']);
  });
});

test('3.1, 3.5 nor when a failure stops its run', () => {
  const flow = new Flow('stopped');
  const fails = () =>
    timer(1).pipe(
      map(() => {
        throw new Error('no');
      }),
    );
  flow.step('a', fails, {});
  for (const id of ['b', 'c', 'd']) flow.step(id, () => timer(10), {});
  const compiled = flow.output({});
  inVirtualTime(({ flush: _ }) => {
    const told = listen(compiled.run({}, { concurrency: 2, onError: 'stop' }));
    timer(20).subscribe(() => {
      const began = lines(told).filter((line) => line.startsWith('STEP_START'));
      expect(began).toEqual(['STEP_START a', 'STEP_START b']);
    });
  });
});

test('3.3, 3.5 items that wait for a place are not called when the time of all is over', () => {
  const { calls, flow } = items({ timeout: { attempt: 2 } });
  inVirtualTime(() => listen(flow.run({})));
  expect(calls).toEqual([0]);
});

test('3.5 items that wait for a place are not called when the run is left', () => {
  const { calls, flow } = items({});
  inVirtualTime(() => listen(flow.run({}).pipe(takeUntil(timer(2)))));
  expect(calls).toEqual([0]);
});

test('3.5, 2.16 runs of an operator that wait for a place are not called when it is left', () => {
  const calls: number[] = [];
  const flow = new Flow<{ i: number }>('inner');
  const code = ({ i }: { i: number }) => {
    calls.push(i);
    return timer(5);
  };
  flow.step('step', code, { i: flow.input.i }, { concurrency: 1 });
  const compiled = flow.output({});
  inVirtualTime(() => {
    const runs = compiled.operator({ flatten: 'merge' }) as OperatorFunction<object, object>;
    from([{ i: 0 }, { i: 1 }, { i: 2 }])
      .pipe(runs, takeUntil(timer(2)))
      .subscribe();
  });
  expect(calls).toEqual([0]);
});

test('3.5 nor are steps of a live flow that is stopped', () => {
  const calls: string[] = [];
  const flow = new Flow<{ n: number }>('live');
  for (const id of ['a', 'b', 'c'])
    flow.step(
      id,
      (_: { n: number }) => {
        calls.push(id);
        return timer(10);
      },
      { n: flow.input.n },
    );
  const live = flow.output({}).live({ n: 1 }, { concurrency: 1 });
  inVirtualTime(() => {
    live.events$.subscribe();
    live.stop();
  });
  expect(calls).toEqual(['a']);
});

test('3.3, 3.5 the places that a run leaves go to others when all of it has stopped', () => {
  const started: string[] = [];
  const stopped: string[] = [];
  const flow = new Flow<{ run: string }>('places');
  for (const id of ['a', 'b'])
    flow.step(
      id,
      ({ run }: { run: string }, { signal }) => {
        started.push(`${run}${id}`);
        signal.addEventListener('abort', () => stopped.push(`${run}${id} after ${started.join()}`));
        return timer(10);
      },
      { run: flow.input.run },
      { concurrency: 1 },
    );
  const compiled = flow.output({});
  inVirtualTime(() => {
    const left = new Subject<void>();
    listen(compiled.run({ run: '1' }).pipe(takeUntil(left)));
    const second = listen(compiled.run({ run: '2' }));
    left.next();
    expect(stopped).toEqual(['1a after 1a,1b', '1b after 1a,1b']);
    expect(started).toEqual(['1a', '1b', '2a', '2b']);
    timer(50).subscribe(() => expect(second.isComplete).toBe(true));
  });
});
