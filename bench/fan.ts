/** One step, then many side by side, then one that joins them. */
import { forkJoin, map, mergeMap, of } from 'rxjs';
import { fan } from './graph.ts';
import { lastOf } from './millrace.ts';
import { type ByHand, compare, effect, graphRow } from './versus.ts';
import { addOne, addOneLater, asItIs, isolated, type Passing, sum, sumLater } from './work.ts';

export function byHand(width: number, isAsync: boolean): ByHand {
  const one = isAsync ? addOneLater : addOne;
  const many = isAsync ? sumLater : sum;
  const each = Array.from({ length: width });
  return {
    await: async (x) => {
      const first = await one(x);
      return many(await Promise.all(each.map(async () => one(first))));
    },
    rxjs: (x) =>
      isAsync
        ? lastOf(
            of(x).pipe(
              mergeMap(addOneLater),
              mergeMap((first) => forkJoin(each.map(() => of(first).pipe(mergeMap(addOneLater))))),
              mergeMap(sumLater),
            ),
          )
        : lastOf(
            of(x).pipe(
              map(addOne),
              mergeMap((first) => forkJoin(each.map(() => of(first).pipe(map(addOne))))),
              map(sum),
            ),
          ),
    effect: effect && withEffect(effect, each, isAsync),
    effectIsolated: effect && withEffect(effect, each, isAsync, isolated),
  };
}

function withEffect(
  { Effect }: NonNullable<typeof effect>,
  each: readonly unknown[],
  isAsync: boolean,
  by: Passing = asItIs,
): (x: number) => unknown {
  const one = by(addOne);
  const oneLater = by(addOneLater);
  const many = by(sum);
  const manyLater = by(sumLater);
  if (isAsync) {
    return (x) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const first = yield* Effect.promise(() => oneLater(x));
          const all = yield* Effect.all(
            each.map(() => Effect.promise(() => oneLater(first))),
            { concurrency: 'unbounded' },
          );
          return yield* Effect.promise(() => manyLater(all));
        }),
      );
  }
  return (x) =>
    Effect.runSync(
      Effect.gen(function* () {
        const first = yield* Effect.sync(() => one(x));
        const all = yield* Effect.all(each.map(() => Effect.sync(() => one(first))));
        return yield* Effect.sync(() => many(all));
      }),
    );
}

if (import.meta.main) {
  const width = 100;
  const rows = [false, true].map((isAsync) =>
    graphRow(`fan ${width}`, fan(width), isAsync, byHand(width, isAsync)),
  );
  await compare('Fan', 'step', 0.6, rows);
}
