/** Two branches of which one runs, and a join after them: 3 of 4 steps. */
import { map, mergeMap, of } from 'rxjs';
import { branch } from './graph.ts';
import { lastOf } from './millrace.ts';
import { type ByHand, compare, effect, graphRow } from './versus.ts';
import { addOne, addOneLater, asItIs, isolated, type Passing, sum, sumLater } from './work.ts';

function byHand(isAsync: boolean): ByHand {
  const one = isAsync ? addOneLater : addOne;
  const many = isAsync ? sumLater : sum;
  return {
    await: async (x) => {
      const first = await one(x);
      const taken = first > 0 ? await one(first) : undefined;
      const other = first <= 0 ? await one(first) : undefined;
      return many([taken, other]);
    },
    rxjs: (x) =>
      isAsync
        ? lastOf(
            of(x).pipe(
              mergeMap(addOneLater),
              mergeMap((first) =>
                first > 0
                  ? of(first).pipe(
                      mergeMap(addOneLater),
                      map((taken) => [taken, undefined]),
                    )
                  : of(first).pipe(
                      mergeMap(addOneLater),
                      map((other) => [undefined, other]),
                    ),
              ),
              mergeMap(sumLater),
            ),
          )
        : lastOf(
            of(x).pipe(
              map(addOne),
              mergeMap((first) =>
                first > 0
                  ? of(first).pipe(
                      map(addOne),
                      map((taken) => [taken, undefined]),
                    )
                  : of(first).pipe(
                      map(addOne),
                      map((other) => [undefined, other]),
                    ),
              ),
              map(sum),
            ),
          ),
    effect: effect && withEffect(effect, isAsync),
    effectIsolated: effect && withEffect(effect, isAsync, isolated),
  };
}

function withEffect(
  { Effect }: NonNullable<typeof effect>,
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
          const taken = first > 0 ? yield* Effect.promise(() => oneLater(first)) : undefined;
          const other = first <= 0 ? yield* Effect.promise(() => oneLater(first)) : undefined;
          return yield* Effect.promise(() => manyLater([taken, other]));
        }),
      );
  }
  return (x) =>
    Effect.runSync(
      Effect.gen(function* () {
        const first = yield* Effect.sync(() => one(x));
        const taken = first > 0 ? yield* Effect.sync(() => one(first)) : undefined;
        const other = first <= 0 ? yield* Effect.sync(() => one(first)) : undefined;
        return yield* Effect.sync(() => many([taken, other]));
      }),
    );
}

const rows = [false, true].map((isAsync) =>
  graphRow('branch, 3 of 4', branch, isAsync, byHand(isAsync)),
);
await compare('Branch', 'step', 1.2, rows);
