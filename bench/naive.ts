/** The engine that one would write first: every run makes a chain of operators for every step, and RxJS does the rest. */
import {
  mergeMap,
  type Observable,
  of,
  ReplaySubject,
  share,
  zip,
} from 'rxjs';
import { type Graph, mayRun } from './graph.ts';
import { addOne, addOneLater, sum, sumLater } from './work.ts';

export function naive(graph: Graph, isAsync: boolean): (x: number) => Observable<number> {
  const one = isAsync ? addOneLater : (x: number) => of(addOne(x));
  const many = isAsync ? sumLater : (items: readonly (number | undefined)[]) => of(sum(items));
  return (x) => {
    const steps: Observable<number | undefined>[] = [];
    for (const step of graph) {
      const { reads } = step;
      const input: Observable<readonly (number | undefined)[]> =
        reads.length === 0 ? of([x]) : zip(reads.map((i) => steps[i] as Observable<number>));
      steps.push(
        input.pipe(
          mergeMap((items): Observable<number | undefined> | Promise<number> => {
            if (items.length > 1) return many(items);
            return mayRun(step, items[0]) ? one(items[0] as number) : of(undefined);
          }),
          share({
            connector: () => new ReplaySubject(1),
            resetOnComplete: false,
            resetOnError: false,
            resetOnRefCountZero: false,
          }),
        ),
      );
    }
    return steps.at(-1) as Observable<number>;
  };
}
