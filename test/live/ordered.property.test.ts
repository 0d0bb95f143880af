import fc from 'fast-check';
import { Flow } from 'millrace';
import { concatMap, from, map, mergeMap, of, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { runs } from '../laws/runs.ts';
import { inVirtualTime } from '../run/told.ts';

interface Job {
  readonly gap: number;
  readonly ms: number;
  readonly fails: boolean;
}

const jobs = (fails: fc.Arbitrary<boolean>) =>
  fc.array(fc.record({ gap: fc.nat(12), ms: fc.nat(40), fails }), { minLength: 1, maxLength: 14 });

test('6.5 concat with concurrency: several versions at once and no more than that, their results in order, none lost, a failure at its place', () => {
  fc.assert(
    fc.property(jobs(fc.boolean()), fc.integer({ min: 1, max: 5 }), (list, concurrency) => {
      let atWork = 0;
      let most = 0;
      const started: number[] = [];
      const told: string[] = [];
      const flow = new Flow<{ i: number }>('jobs');
      const done = flow.step(
        'done',
        ({ i }: { i: number }) => {
          const { ms, fails } = list[i] as Job;
          started.push(i);
          most = Math.max(most, ++atWork);
          const end = () => {
            atWork--;
            if (fails) throw new Error(`job ${i}`);
            return i;
          };
          return ms === 0 ? of(0).pipe(map(end)) : timer(ms).pipe(map(end));
        },
        { i: flow.input.i },
        { policy: 'concat', concurrency },
      );
      const live = flow.output({ i: done.out }).live({
        i: from(list).pipe(
          concatMap(({ gap }, i) => (gap === 0 ? of(i) : timer(gap).pipe(map(() => i)))),
        ),
      });
      inVirtualTime(() => {
        live.events$.subscribe((event) => {
          if (event.type !== 'STEP_OUTPUT') return;
          told.push(event.error ? 'failed' : String(event.output));
        });
      });
      expect(told).toEqual(list.map(({ fails }, i) => (fails ? 'failed' : String(i))));
      expect(started).toEqual([...list.keys()]);
      expect(most).toBeLessThanOrEqual(concurrency);
      expect(atWork).toBe(0);
    }),
    runs(400),
  );
});

test('6.5 concat with concurrency: versions are at work side by side, and a quick one waits for a slow one before it', () => {
  const flow = new Flow<{ ms: number }>('side-by-side');
  const wait = flow.step(
    'wait',
    ({ ms }: { ms: number }) => timer(ms).pipe(map(() => ms)),
    { ms: flow.input.ms },
    { policy: 'concat', concurrency: 2 },
  );
  const told: [number, unknown][] = [];
  inVirtualTime((scheduler) => {
    const ms = from([30, 10, 15]).pipe(mergeMap((ms, i) => timer(i).pipe(map(() => ms))));
    const { events$ } = flow.output({ ms: wait.out }).live({ ms });
    events$.subscribe((event) => {
      if (event.type === 'STEP_OUTPUT') told.push([scheduler.now(), event.output]);
    });
  });
  // The last one begins at 11, when the one before has ended; both are told behind the first.
  expect(told).toEqual([30, 10, 15].map((ms) => [30, ms]));
});
