import fc from 'fast-check';
import { Flow } from 'millrace';
import {
  concatMap,
  from,
  map,
  mergeMap,
  type Observable,
  of,
  type Subscription,
  takeUntil,
  timer,
} from 'rxjs';
import { expect, test } from 'vitest';
import { runs } from '../laws/runs.ts';
import { concurrency, type Job, jobs, whenDue } from './jobs.ts';
import { inVirtualTime } from './told.ts';

/** A flow of one step, which notes who is at work. Of no time at all is synchronous. */
function world(list: readonly Job[]) {
  const atWork = new Set<number>();
  const started: number[] = [];
  const stopped: number[] = [];
  let most = 0;
  const flow = new Flow<{ i: number }>('jobs');
  const done = flow.step(
    'done',
    ({ i }: { i: number }, { signal }) => {
      const { ms, fails } = list[i] as Job;
      started.push(i);
      atWork.add(i);
      most = Math.max(most, atWork.size);
      signal.addEventListener('abort', () => {
        if (atWork.delete(i)) stopped.push(i);
      });
      const end = () => {
        atWork.delete(i);
        if (fails) throw new Error(`job ${i}`);
        return i;
      };
      return ms === 0 ? of(0).pipe(map(end)) : timer(ms).pipe(map(end));
    },
    { i: flow.input.i },
  );
  const source$ = from(list).pipe(
    concatMap(({ gap }, i) => (gap === 0 ? of({ i }) : timer(gap).pipe(map(() => ({ i }))))),
  );
  const compiled = flow.output({ i: done.out });
  return { compiled, source$, atWork, started, stopped, most: () => most };
}

test('2.16 merge in order: for any latencies every output comes, in the order of the inputs, as soon as it can, and no more runs are at work than may be', () => {
  fc.assert(
    fc.property(jobs(fc.constant(false)), concurrency, (list, concurrency) => {
      const all = world(list);
      const got: { i: number; at: number }[] = [];
      let isComplete = false;
      inVirtualTime((scheduler) => {
        all.source$
          .pipe(
            all.compiled.operator({
              flatten: 'merge',
              ordered: true,
              ...(concurrency && { concurrency }),
            }),
          )
          .subscribe({
            next: ({ i }) => got.push({ i, at: scheduler.now() }),
            complete: () => {
              isComplete = true;
            },
          });
      });
      expect(got).toEqual(whenDue(list, concurrency ?? Number.POSITIVE_INFINITY));
      expect(isComplete).toBe(true);
      expect(all.most()).toBeLessThanOrEqual(concurrency ?? list.length);
    }),
    runs(400),
  );
});

test('2.16 merge in order: what fails is the error at its place; all before it comes first, nothing after it does, and nothing is left at work', () => {
  fc.assert(
    fc.property(jobs(fc.boolean()), concurrency, (list, concurrency) => {
      const all = world(list);
      const got: number[] = [];
      let error: unknown;
      inVirtualTime(() => {
        all.source$
          .pipe(
            all.compiled.operator({
              flatten: 'merge',
              ordered: true,
              ...(concurrency && { concurrency }),
            }),
          )
          .subscribe({
            next: ({ i }) => got.push(i),
            error: (reason: unknown) => {
              error = reason;
              expect([...all.atWork]).toEqual([]);
            },
          });
      });
      const place = list.findIndex(({ fails }) => fails);
      const end = place === -1 ? list.length : place;
      expect(got).toEqual([...list.keys()].slice(0, end));
      if (place === -1) expect(error).toBeUndefined();
      else expect(String((error as { errors: unknown[] }).errors[0])).toContain(`job ${place}`);
      expect([...all.atWork]).toEqual([]);
    }),
    runs(400),
  );
});

test('2.16 merge in order: unsubscribing at any time cancels all runs, and none begins after it', () => {
  fc.assert(
    fc.property(jobs(fc.constant(false)), concurrency, fc.nat(200), (list, concurrency, at) => {
      const all = world(list);
      let begun = Number.NaN;
      inVirtualTime(() => {
        const subscription: Subscription = all.source$
          .pipe(
            all.compiled.operator({
              flatten: 'merge',
              ordered: true,
              ...(concurrency && { concurrency }),
            }),
          )
          .subscribe();
        timer(at).subscribe(() => {
          subscription.unsubscribe();
          expect([...all.atWork]).toEqual([]);
          begun = all.started.length;
        });
      });
      expect(all.started.slice(begun)).toEqual([]);
    }),
    runs(400),
  );
});

type World = ReturnType<typeof world>;

/** All that is told, and by when which jobs had begun and were stopped. */
function story(list: readonly Job[], until: number, outputs: (all: World) => Observable<unknown>) {
  const all = world(list);
  const lines: string[] = [];
  inVirtualTime((scheduler) => {
    const tell = (line: string) =>
      lines.push(
        `${scheduler.now()}: ${line}; ${all.started.length} begun, ${all.stopped.length} stopped`,
      );
    outputs(all)
      .pipe(takeUntil(timer(until)))
      .subscribe({
        next: (output) => tell(JSON.stringify(output)),
        error: (error: Error) => tell(error.message),
        complete: () => tell('complete'),
      });
  });
  return [...lines, `stopped ${all.stopped.join(', ')}, at work ${[...all.atWork].join(', ')}`];
}

test('2.16 concat and merge tell what concatMap and mergeMap over single runs would tell, at the same times', () => {
  const most = fc.option(concurrency, { nil: 1 });
  fc.assert(
    fc.property(jobs(fc.boolean()), most, fc.nat(300), (list, most, until) => {
      const one = (all: World) => (input: { i: number }) =>
        of(input).pipe(all.compiled.operator({ flatten: 'switch' }));
      const options = most === 1 ? {} : { flatten: 'merge', ...(most && { concurrency: most }) };
      const told = story(list, until, (all) =>
        all.source$.pipe(all.compiled.operator(options as object)),
      );
      expect(told).toEqual(story(list, until, (all) => all.source$.pipe(mergeMap(one(all), most))));
    }),
    runs(400),
  );
});
