/** Each step reads the one before. */
import { map, mergeMap, type Observable, of } from 'rxjs';
import { chain } from './graph.ts';
import { isQuick } from './harness.ts';
import { lastOf } from './millrace.ts';
import { type ByHand, compare, effect, graphRow } from './versus.ts';
import { addOne, addOneLater, asItIs, isolated, type Passing } from './work.ts';

export function byHand(length: number, isAsync: boolean): ByHand {
  const work = isAsync ? addOneLater : addOne;
  return {
    await: async (x) => {
      let value = x;
      for (let i = 0; i < length; i++) value = await work(value);
      return value;
    },
    rxjs: (x) => {
      let values$: Observable<number> = of(x);
      for (let i = 0; i < length; i++)
        values$ = values$.pipe(isAsync ? mergeMap(addOneLater) : map(addOne));
      return lastOf(values$);
    },
    effect: effect && withEffect(effect, length, isAsync),
    effectIsolated: effect && withEffect(effect, length, isAsync, isolated),
  };
}

function withEffect(
  { Effect }: NonNullable<typeof effect>,
  length: number,
  isAsync: boolean,
  by: Passing = asItIs,
): (x: number) => unknown {
  const one = by(addOne);
  const oneLater = by(addOneLater);
  if (isAsync) {
    return (x) =>
      Effect.runPromise(
        Effect.gen(function* () {
          let value = x;
          for (let i = 0; i < length; i++) value = yield* Effect.promise(() => oneLater(value));
          return value;
        }),
      );
  }
  return (x) =>
    Effect.runSync(
      Effect.gen(function* () {
        let value = x;
        for (let i = 0; i < length; i++) value = yield* Effect.sync(() => one(value));
        return value;
      }),
    );
}

if (import.meta.main) {
  const rows = (isQuick ? [10, 100, 1000] : [10, 100, 1000, 100_000]).flatMap((length) =>
    [false, true].map((isAsync) =>
      graphRow(`chain ${length}`, chain(length), isAsync, byHand(length, isAsync)),
    ),
  );
  await compare('Chain', 'step', 1.2, rows);
}
