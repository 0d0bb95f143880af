/** One step, then many side by side, then one that joins them. */
import { forkJoin, map, mergeMap, of } from 'rxjs';
import { fan } from './graph.ts';
import { lastOf } from './millrace.ts';
import { type ByHand, compare, effect, graphRow } from './versus.ts';
import { addOne, addOneLater, sum, sumLater } from './work.ts';

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
  };
}

function withEffect(
  { Effect }: NonNullable<typeof effect>,
  each: readonly unknown[],
  isAsync: boolean,
): (x: number) => unknown {
  if (isAsync) {
    return (x) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const first = yield* Effect.promise(() => addOneLater(x));
          const all = yield* Effect.all(
            each.map(() => Effect.promise(() => addOneLater(first))),
            { concurrency: 'unbounded' },
          );
          return yield* Effect.promise(() => sumLater(all));
        }),
      );
  }
  return (x) =>
    Effect.runSync(
      Effect.gen(function* () {
        const first = yield* Effect.sync(() => addOne(x));
        const all = yield* Effect.all(each.map(() => Effect.sync(() => addOne(first))));
        return yield* Effect.sync(() => sum(all));
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
