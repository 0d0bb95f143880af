/**
 * The engines that one would write first. On RxJS: every run makes a chain of operators for every step, and RxJS does the rest. On
 * Effect: every step is an effect that is run once and kept.
 */
import { mergeMap, type Observable, of, ReplaySubject, share, zip } from 'rxjs';
import { type Graph, mayRun } from './graph.ts';
import { addOne, addOneLater, sum, sumLater } from './work.ts';

export type Value = number | undefined;

/** What a step makes of what it reads. */
export type Call = (items: readonly Value[], i: number) => Observable<Value> | Promise<Value>;

export function naive(graph: Graph, isAsync: boolean): (x: number) => Observable<number> {
  const one = isAsync ? addOneLater : (x: number) => of(addOne(x));
  const many = isAsync ? sumLater : (items: readonly Value[]) => of(sum(items));
  return engineOnRxjs(graph, (items) => (items.length > 1 ? many(items) : one(items[0] as number)));
}

export function engineOnRxjs(graph: Graph, call: Call): (x: number) => Observable<number> {
  return (x) => {
    const steps: Observable<Value>[] = [];
    for (const [i, step] of graph.entries()) {
      const { reads } = step;
      const input: Observable<readonly Value[]> =
        reads.length === 0 ? of([x]) : zip(reads.map((from) => steps[from] as Observable<Value>));
      steps.push(
        input.pipe(
          mergeMap((items) =>
            items.length > 1 || mayRun(step, items[0]) ? call(items, i) : of(undefined),
          ),
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

export function engineOnEffect(
  { Effect }: typeof import('effect'),
  graph: Graph,
  isAsync: boolean,
): (x: number) => unknown {
  type Kept = import('effect').Effect.Effect<Value>;
  const call = (items: readonly Value[]): Kept => {
    if (isAsync)
      return Effect.promise(() =>
        items.length > 1 ? sumLater(items) : addOneLater(items[0] as number),
      );
    return Effect.sync(() => (items.length > 1 ? sum(items) : addOne(items[0] as number)));
  };
  const all = { concurrency: isAsync ? 'unbounded' : 1 } as const;
  return (x) => {
    const run = Effect.gen(function* () {
      const steps: Kept[] = [];
      for (const step of graph) {
        const read: Kept[] = step.reads.map((i) => steps[i] as Kept);
        const [only = Effect.succeed(x)] = read;
        const input: import('effect').Effect.Effect<readonly Value[]> =
          read.length > 1 ? Effect.all(read, all) : Effect.map(only, (item) => [item]);
        const made = Effect.flatMap(input, (items) =>
          items.length > 1 || mayRun(step, items[0]) ? call(items) : Effect.succeed(undefined),
        );
        steps.push(yield* Effect.cached(made));
      }
      // All that can run side by side does.
      if (isAsync) return (yield* Effect.all(steps, all)).at(-1);
      return yield* steps.at(-1) as Kept;
    });
    return isAsync ? Effect.runPromise(run) : Effect.runSync(run);
  };
}
