import { type CompiledFlow, Flow } from 'millrace';
import { from, map, mergeMap, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime } from '../run/told.ts';

const wait = ({ ms }: { ms: number }) => timer(ms).pipe(map(() => ms));

function outputs<Output>(flow: CompiledFlow<{ ms: number }, Output>) {
  const told: [number, Output][] = [];
  inVirtualTime((scheduler) => {
    const ms = from([30, 10, 15]).pipe(mergeMap((ms, i) => timer(i).pipe(map(() => ms))));
    flow.live({ ms }).output$.subscribe((output) => told.push([scheduler.now(), output]));
  });
  return told;
}

test('6.5 concat with concurrency: every version that the step has answered is an output, in order', () => {
  const flow = new Flow<{ ms: number }>('side-by-side');
  const a = flow.step('a', wait, { ms: flow.input.ms }, { policy: 'concat', concurrency: 2 });
  expect(outputs(flow.output({ ms: a.out }))).toEqual([30, 10, 15].map((ms) => [30, { ms }]));
});

test('6.5 concat with concurrency in a subflow: every version that the step has answered is an output, in order', () => {
  const inner = new Flow<{ ms: number }>('inner');
  const a = inner.step('a', wait, { ms: inner.input.ms }, { policy: 'concat', concurrency: 2 });
  const flow = new Flow<{ ms: number }>('outer');
  const b = flow.step('b', inner.output({ ms: a.out }), { ms: flow.input.ms });
  expect(outputs(flow.output({ ms: b.out.ms }))).toEqual([30, 10, 15].map((ms) => [30, { ms }]));
});
