/** Layers of ten steps, each of which reads the whole layer before: 900 links. */
import { forkJoin, map, mergeMap, type Observable, of } from 'rxjs';
import { layers } from './graph.ts';
import { lastOf } from './millrace.ts';
import { type ByHand, compare, effect, graphRow } from './versus.ts';
import { addOne, addOneLater, asItIs, isolated, type Passing, sum, sumLater } from './work.ts';

const width = 10;
const depth = 10;
const each = Array.from({ length: width });
const later = Array.from({ length: depth - 1 });

function byHand(isAsync: boolean): ByHand {
  const one = isAsync ? addOneLater : addOne;
  const many = isAsync ? sumLater : sum;
  return {
    await: async (x) => {
      let row = await Promise.all(each.map(async () => one(x)));
      for (const _ of later) {
        const before = row;
        row = await Promise.all(each.map(async () => many(before)));
      }
      return many(row);
    },
    rxjs: (x) => {
      const oneOf = () => (isAsync ? mergeMap(addOneLater) : map(addOne));
      const manyOf = () => (isAsync ? mergeMap(sumLater) : map(sum));
      let row$: Observable<number[]> = of(x).pipe(
        mergeMap((first) => forkJoin(each.map(() => of(first).pipe(oneOf())))),
      );
      for (const _ of later)
        row$ = row$.pipe(mergeMap((row) => forkJoin(each.map(() => of(row).pipe(manyOf())))));
      return lastOf(row$.pipe(manyOf()));
    },
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
          const options = { concurrency: 'unbounded' } as const;
          let row = yield* Effect.all(
            each.map(() => Effect.promise(() => oneLater(x))),
            options,
          );
          for (const _ of later) {
            const before = row;
            row = yield* Effect.all(
              each.map(() => Effect.promise(() => manyLater(before))),
              options,
            );
          }
          return yield* Effect.promise(() => manyLater(row));
        }),
      );
  }
  return (x) =>
    Effect.runSync(
      Effect.gen(function* () {
        let row = yield* Effect.all(each.map(() => Effect.sync(() => one(x))));
        for (const _ of later) {
          const before = row;
          row = yield* Effect.all(each.map(() => Effect.sync(() => many(before))));
        }
        return yield* Effect.sync(() => many(row));
      }),
    );
}

const rows = [false, true].map((isAsync) =>
  graphRow(`layers ${width}×${depth}`, layers(width, depth), isAsync, byHand(isAsync)),
);
await compare('Layers', 'step', 0.6, rows);
