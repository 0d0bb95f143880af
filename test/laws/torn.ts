/** The steps of a live case, wired by hand with RxJS's own `combineLatest`: what a live flow must not do. */
import {
  combineLatest,
  concatMap,
  Observable,
  of,
  Subject,
  type Subscription,
  switchMap,
} from 'rxjs';
import { TestClock } from './clock.ts';
import { type Input, inputsOf, type LiveCase } from './live-cases.ts';
import { canonical, keyOf, keysOfSource, type StepModel } from './model.ts';

type Params = readonly unknown[];

const hashOf = (id: string, params: Params): number => {
  let hash = 7;
  for (const character of `${id}${canonical(params)}`)
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash;
};

/** What a step reads: names of inputs, ids of steps. */
const readsOf = ({ params }: StepModel): readonly string[] => [
  ...new Set(params.flatMap(({ source }) => keysOfSource(source)).map((key) => keyOf(key).name)),
];

/** Counts how often a step is called, and how often with params that belong to no version. */
export function torn(given: LiveCase): { readonly calls: number; readonly glitches: number } {
  const inputs = inputsOf(given);
  const names = new Set(given.graph.steps.map(({ id }) => id));
  const right = new Map<string, Set<string>>();
  for (const input of inputs) note(given, names, input, right);
  const clock = new TestClock();
  const sources = new Map<string, Subject<unknown>>();
  const values = new Map<string, Observable<unknown>>();
  const subscriptions: Subscription[] = [];
  let calls = 0;
  let glitches = 0;
  const value$Of = (name: string): Observable<unknown> => {
    const known = values.get(name);
    if (known) return known;
    const source = new Subject<unknown>();
    sources.set(name, source);
    values.set(name, source);
    return source;
  };
  for (const step of given.graph.steps) {
    const reads = readsOf(step);
    const latency = step.work.kind === 'code' ? step.work.latency : 0;
    const call = (params: Params): Observable<unknown> => {
      calls++;
      if (!right.get(step.id)?.has(canonical(params))) glitches++;
      const value = hashOf(step.id, params);
      if (latency === 0) return of(value);
      return new Observable((out) =>
        clock.after(latency, () => {
          out.next(value);
          out.complete();
        }),
      );
    };
    const out = new Subject<unknown>();
    const all = reads.length === 0 ? of([]) : combineLatest(reads.map(value$Of));
    const flat = step.settings.live?.policy === 'switch' ? switchMap(call) : concatMap(call);
    subscriptions.push(all.pipe(flat).subscribe(out));
    values.set(step.id, out);
  }
  const feed = (input: Input, before: Input) => {
    for (const [name, source] of sources)
      if (input[name] !== before[name] || input === before) source.next(input[name] ?? null);
  };
  let at = 0;
  feed(inputs[0] as Input, inputs[0] as Input);
  given.changes.forEach(({ after }, i) => {
    at += after;
    clock.after(at, () => feed(inputs[i + 1] as Input, inputs[i] as Input));
  });
  clock.runTo();
  for (const subscription of subscriptions) subscription.unsubscribe();
  return { calls, glitches };
}

/** The params of each step at one version. */
function note(
  { graph }: LiveCase,
  names: ReadonlySet<string>,
  input: Input,
  right: Map<string, Set<string>>,
): void {
  const values = new Map<string, unknown>();
  for (const step of graph.steps) {
    const params = readsOf(step).map((name) =>
      names.has(name) ? values.get(name) : (input[name] ?? null),
    );
    values.set(step.id, hashOf(step.id, params));
    right.set(step.id, (right.get(step.id) ?? new Set()).add(canonical(params)));
  }
}
