/** Several steps below a step, side by side. */
import { from, map, mergeMap, Observable } from 'rxjs';
import { Adds, Result, Through } from '../wire/aside.ts';
import { subscribeTo } from '../wire/subscribe.ts';

/**
 * Runs what `runStep` gives side by side. What they tell is passed on at once, all but their chunks; what they add to shared memory, and
 * the list of their results, comes last and in their order, whatever their latency. The first error ends it.
 */
export function together(runs: readonly Observable<unknown>[]): Observable<unknown> {
  return new Observable((out) => {
    const results: unknown[] = runs.map(() => undefined);
    const added: Adds[][] = runs.map(() => []);
    const all = from(runs).pipe(mergeMap((run, i) => run.pipe(map((aside) => ({ i, aside })))));
    subscribeTo(
      all,
      {
        next: ({ i, aside }) => {
          if (aside instanceof Result) results[i] = aside.result;
          else if (aside instanceof Adds) added[i]?.push(aside);
          else if (!(aside instanceof Through)) out.next(aside);
        },
        error: (error: unknown) => out.error(error),
        complete: () => {
          for (const adds of added.flat()) out.next(adds);
          out.next(new Result(results));
          out.complete();
        },
      },
      (subscription) => out.add(subscription),
    );
  });
}
