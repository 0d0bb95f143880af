/** A thousand runs at once, ten steps each. */
import { from, map, mergeMap, type Observable, of } from 'rxjs';
import { byHand } from './chain.ts';
import { chain, expected } from './graph.ts';
import type { Row } from './harness.ts';
import { flowOf, lastOf } from './millrace.ts';
import { engineOnEffect, naive } from './naive.ts';
import { compare, effect, type Name } from './versus.ts';
import { addOne, addOneLater } from './work.ts';

const runs = 1000;
const length = 10;
const inputs = Array.from({ length: runs }, (_, i) => i);

function row(isAsync: boolean): Row<Name> {
  const flow = flowOf(chain(length), isAsync);
  const engine = naive(chain(length), isAsync);
  const hand = byHand(length, isAsync);
  const operator = flow.operator({ flatten: 'merge' });
  const onEffect = effect && engineOnEffect(effect, chain(length), isAsync);
  const total = (values: readonly unknown[]) =>
    values.reduce<number>((sum, value) => sum + (value as number), 0);
  const one = (x: number): Observable<number> => {
    let value$: Observable<number> = of(x);
    for (let i = 0; i < length; i++)
      value$ = value$.pipe(isAsync ? mergeMap(addOneLater) : map(addOne));
    return value$;
  };
  /** Runs all, and adds up what they give. */
  const merged = (run: (x: number) => Observable<number>) => () => {
    let sum = 0;
    return lastOf(
      from(inputs).pipe(
        mergeMap(run),
        map((value) => {
          sum += value;
          return sum;
        }),
      ),
    );
  };
  const effects = (run: (x: number) => unknown) => () => {
    const ends = inputs.map(run);
    return isAsync ? Promise.all(ends).then(total) : total(ends);
  };
  const outputOf = (event: unknown) => (event as { output?: { y: number } }).output?.y ?? 0;
  return {
    name: `${runs} runs of ${length}, ${isAsync ? 'async' : 'sync'}`,
    units: runs * length,
    value: total(inputs.map((x) => expected(chain(length), x).value)),
    calls: runs * length,
    ways: {
      await: () => Promise.all(inputs.map(hand.await)).then(total),
      rxjs: merged(one),
      naive: merged(engine),
      operator: () => {
        let sum = 0;
        const outputs$ = from(inputs).pipe(
          map((x) => ({ x })),
          operator,
          map(({ y }) => {
            sum += y;
            return sum;
          }),
        );
        return lastOf(outputs$);
      },
      events: () => {
        const ends = inputs.map((x) => lastOf(flow.run({ x })));
        return isAsync
          ? Promise.all(ends).then((all) => total(all.map(outputOf)))
          : total(ends.map(outputOf));
      },
      complete: () =>
        Promise.all(inputs.map((x) => flow.complete({ x }))).then((all) =>
          total(all.map(({ output }) => output.y)),
        ),
      effect: hand.effect && effects(hand.effect),
      effectIsolated: hand.effectIsolated && effects(hand.effectIsolated),
      effectGraph: onEffect && effects(onEffect),
    },
  };
}

await compare('Many runs at once', 'step', 1.2, [row(false), row(true)]);
