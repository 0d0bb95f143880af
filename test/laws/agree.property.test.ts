import fc from 'fast-check';
import {
  combineLatest,
  forkJoin,
  last,
  map,
  mergeMap,
  Observable,
  of,
  shareReplay,
  zip,
} from 'rxjs';
import { expect, test, vi } from 'vitest';
import { build, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { tell } from './compare.ts';
import { cases } from './graphs.ts';
import {
  answer,
  type Case,
  type CodeWork,
  canonical,
  type Graph,
  keyOf,
  type Source,
  type StepModel,
  type Value,
} from './model.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

/** Steps that all succeed and none of which is skipped. */
const kinds = { steps: 9, depth: 0 } as const;

type Join = (sources: Observable<Value>[]) => Observable<Value[]>;

/** The graph as one would write it by hand: an Observable per step, shared, joined by `zip` or `combineLatest`. */
function wired({ graph, input }: Case, clock: TestClock, join: Join) {
  const results = new Map<string, Observable<Value>>();
  const result = (id: string) => results.get(id) as Observable<Value>;
  for (const step of graph.steps) {
    const sources = sourcesOf(step);
    const all = sources.length === 0 ? of<Value[]>([]) : join(sources.map(result));
    const output = all.pipe(
      mergeMap((values) => {
        const known = new Map(sources.map((id, i) => [id, values[i]]));
        const params = paramsOf(step, (key) => read(key, known, input, graph));
        return worked(step.work as CodeWork, step.id, params, clock);
      }),
      shareReplay(1),
    );
    results.set(step.id, output);
  }
  const outputs = Object.entries(graph.outputs).map(([name, key]) => {
    const { of: kind, name: id, path } = keyOf(key);
    return [
      name,
      kind === 'input' ? of(input[id]) : result(id).pipe(map((value) => at(value, path))),
    ] as const;
  });
  const ends = forkJoin([of(0), ...results.values()]);
  return ends.pipe(
    mergeMap(() => forkJoin({ '': of(0 as Value), ...Object.fromEntries(outputs) })),
    map(({ '': _, ...output }) => output),
    last(),
  );
}

const sourcesOf = ({ params, links }: StepModel): readonly string[] => [
  ...new Set([
    ...params
      .flatMap(({ source }) => keys(source))
      .flatMap((key) => (keyOf(key).of === 'input' ? [] : [keyOf(key).name])),
    ...links.map(({ from }) => from),
  ]),
];

const keys = (source: Source): readonly string[] =>
  'key' in source
    ? [source.key]
    : 'text' in source
      ? [source.text]
      : 'part' in source
        ? [source.part]
        : [];

const at = (value: Value, path: readonly string[]): Value =>
  path.reduce<Value>(
    (part, name) =>
      typeof part === 'object' && part !== null ? (part as Record<string, Value>)[name] : undefined,
    value,
  );

function read(
  key: string,
  known: ReadonlyMap<string, Value>,
  input: Case['input'],
  graph: Graph,
): Value {
  const { of: kind, name, path } = keyOf(key);
  if (kind === 'input') return input[name];
  if (kind === 'return') return at(known.get(name), path);
  // A param of another step: made anew of what that step reads would need all of its sources, so these graphs do not read any.
  throw new Error(`"${key}" of "${graph.id}" is not read in these graphs`);
}

function paramsOf({ params }: StepModel, value: (key: string) => Value): Record<string, Value> {
  const made: Record<string, Value> = {};
  for (const { name, source } of params) {
    const [key] = keys(source);
    let found = key === undefined ? (source as { value: Value }).value : value(key);
    if ('key' in source && found === undefined) found = source.fallback;
    if ('part' in source) found = { ...(found !== undefined && { part: found }), fixed: 1 };
    if ('text' in source && found !== undefined)
      found = `<${typeof found === 'object' && found !== null ? JSON.stringify(found) : String(found)}>`;
    if (found !== undefined) made[name] = found;
  }
  return made;
}

const worked = (
  work: CodeWork,
  id: string,
  params: unknown,
  clock: TestClock,
): Observable<Value> => {
  const value = answer(work.result, id, params);
  const ms = work.form === 'stream' || work.form === 'thenable' ? work.latency : 0;
  if (ms === 0) return of(value);
  return new Observable((out) =>
    clock.after(ms, () => {
      out.next(value);
      out.complete();
    }),
  );
};

const joins: readonly (readonly [string, Join])[] = [
  ['zip', zip],
  ['combineLatest', combineLatest],
];

test.each(joins)(
  'a flow of steps that all succeed gives what the same graph of %s, mergeMap and shareReplay gives, at the same instant',
  (_, join) => {
    fc.assert(
      fc.property(cases(kinds), (given) => {
        const isPlain = given.graph.steps.every(({ params }) =>
          params.every(({ source }) =>
            keys(source).every((key) => ['input', 'return'].includes(keyOf(key).of)),
          ),
        );
        fc.pre(isPlain);
        let world: World | undefined;
        const told = tell(
          build(given.graph, () => world as World),
          given,
          (made) => {
            world = made;
          },
        );
        const clock = new TestClock();
        let byHand: { readonly output: string; readonly t: number } | undefined;
        wired(given, clock, join).subscribe((output) => {
          byHand = { output: canonical(output), t: clock.now() };
        });
        clock.runTo();
        const final = told.events.at(-1);
        expect(final?.type).toBe('FLOW_OUTPUT');
        expect({ output: canonical((final as { output?: unknown }).output), t: final?.t }).toEqual(
          byHand,
        );
      }),
      runs(700),
    );
  },
);
