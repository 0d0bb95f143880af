import fc from 'fast-check';
import { type CompiledFlow, defineStep, Flow, type FlowEvent, gt, text } from 'millrace';
import { BehaviorSubject, Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { shortWay } from '../../src/run/live/sweep.ts';
import { canonical, type Value } from './model.ts';
import { patience, runs } from './runs.ts';

/** A flow whose schemas refuse inputs, fill them in and make other values of them. */
interface Shape {
  /** The flow says what its input is; otherwise its steps do. */
  readonly declared: boolean;
  /** A step reads the input as a whole. */
  readonly whole: boolean;
  /** A step is a flow with an input schema of its own. */
  readonly inner: boolean;
  /** A step has an output schema: it does not go the short way. */
  readonly output: boolean;
}
type Input = Readonly<Record<string, Value>>;
/** `sources`: an Observable for each input. `whole`: one of all of them. `next`: what `live.next` sets together. */
type Way = 'sources' | 'whole' | 'next';

const names = ['a', 'b', 'c', 'd'] as const;
const input = z.object({
  a: z.coerce.number().max(50),
  b: z
    .string()
    .transform(({ length }) => length)
    .optional(),
  c: z.object({ x: z.number(), y: z.number().optional() }).default({ x: 1 }),
  d: z.array(z.number()).optional(),
});

function flowOf({ declared, whole, inner, output }: Shape): CompiledFlow<Input, unknown> {
  const flow = new Flow<Record<string, never>>('shaped', declared ? { input: input as never } : {});
  const { a, b, c, d } = flow.input as never as Record<(typeof names)[number], never>;
  const params = z.object({ a: z.number().or(z.string()), b: z.any() });
  const sum = defineStep({
    input: params,
    run: ({ a, b }) => ({ sum: Number(a) + (b?.length ?? b ?? 0), negative: -Number(a) }),
    ...(output && { output: z.object({ sum: z.number(), negative: z.number() }) }),
  });
  const first = flow.step('first', sum, { a, b } as never, {
    equals: (before, now) => before.sum === now.sum && before.negative === now.negative,
  });
  const told = text`n is ${a}`;
  const parts = flow.step('parts', (params: object) => canonical(params), { c, d, told } as never);
  const composed = { list: [first.out.sum, c], d };
  const late = flow.step(
    'late',
    (params: object) => canonical(params),
    { composed, negative: first.out.negative } as never,
    { when: gt(first.out.sum, 3) },
  );
  const outputs: Record<string, unknown> = {
    first: first.out,
    parts: parts.out,
    late: late.out,
    c,
  };
  if (whole) {
    const all = flow.step('all', (params: object) => canonical(params), {
      all: flow.input,
    } as never);
    outputs['all'] = all.out;
  }
  if (inner) {
    const doubling = new Flow('doubling', {
      input: z.object({ n: z.number().transform((n) => n * 2) }),
    });
    const same = doubling.step('same', ({ n }: { n: number }) => n, { n: doubling.input.n });
    const twice = doubling.output({ n: same.out });
    outputs['twice'] = flow.step('twice', twice, { n: first.out.sum }).out.n;
  }
  return flow.output(outputs as never) as never;
}

const values: Record<(typeof names)[number], fc.Arbitrary<Value>> = {
  a: fc.oneof(fc.nat(60), fc.constantFrom<Value>('3', '4', 4, null)),
  b: fc.oneof(fc.constantFrom<Value>('', 'x', 'yy', 'zz', undefined), fc.nat(2)),
  c: fc.oneof(
    fc.constantFrom<Value>(undefined, { x: 'bad' }),
    fc.record({ x: fc.nat(2) }),
    fc.record({ x: fc.nat(1), y: fc.nat(1) }),
  ),
  d: fc.oneof(fc.constant(undefined), fc.array(fc.nat(2), { maxLength: 2 })),
};
const change = fc.record(values, { requiredKeys: [] }) as fc.Arbitrary<Input>;
const shape = fc.record({
  declared: fc.boolean(),
  whole: fc.boolean(),
  inner: fc.boolean(),
  output: fc.boolean(),
});

/** The live flow, and what feeds it. */
function fed(
  flow: CompiledFlow<Input, unknown>,
  first: Input,
  changes: readonly Input[],
  way: Way,
) {
  if (way === 'next') {
    const live = flow.live(first as never);
    return { live, feed: () => changes.forEach((set) => void live.next(set)) };
  }
  if (way === 'whole') {
    const source = new Subject<Input>();
    const feed = () => inputsOf(first, changes, way).forEach((input) => void source.next(input));
    return { live: flow.live(source), feed };
  }
  const sources = new Map(names.map((name) => [name as string, new BehaviorSubject(first[name])]));
  const live = flow.live(Object.fromEntries(sources) as never);
  const feed = () => {
    for (const set of changes)
      for (const [name, value] of Object.entries(set)) sources.get(name)?.next(value);
  };
  return { live, feed };
}

function inputsOf(first: Input, changes: readonly Input[], way: Way): readonly Input[] {
  const inputs = [first];
  for (const set of changes) {
    const sets =
      way === 'sources' ? Object.entries(set).map((entry) => Object.fromEntries([entry])) : [set];
    for (const each of sets) inputs.push({ ...inputs.at(-1), ...each });
  }
  return inputs;
}

test(
  '6.4, 2.9: with schemas that refuse inputs, fill them in and make others of them, every version ends as a fresh run, whether it is heard, and whichever way it goes',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        change,
        fc.array(change, { maxLength: 8 }),
        fc.constantFrom<Way>('sources', 'whole', 'next'),
        async (given, start, changes, way) => {
          const flow = flowOf(given);
          const first = { a: 1, c: { x: 1 }, ...start };
          const fresh: string[] = [];
          for (const input of inputsOf(first, changes, way)) {
            const ended = flow.complete(input);
            fresh.push(
              await ended.then(
                ({ output }) => canonical(output),
                ({ code }) => code,
              ),
            );
          }
          const seen = [
            { isOn: true, isHeard: false },
            { isOn: false, isHeard: false },
            { isOn: true, isHeard: true },
          ].map(({ isOn, isHeard }) => {
            shortWay.isOn = isOn;
            try {
              const { live, feed } = fed(flow, first, changes, way);
              const outputs: string[] = [];
              const ends: string[] = [];
              const hear = (event: FlowEvent) => {
                if (event.type === 'FLOW_OUTPUT') ends.push(canonical(event.output));
                if (event.type === 'FLOW_ERROR') ends.push(String(event.error.code));
              };
              if (isHeard) live.events$.subscribe(hear);
              live.output$.subscribe((output) => outputs.push(canonical(output)));
              feed();
              if (isHeard) expect(ends).toEqual(fresh);
              const { status, steps } = live.getSnapshot();
              live.stop();
              const states = Object.entries(steps).map(([path, { status, input, output, error }]) =>
                canonical([path, status, input, output, error?.code]),
              );
              return { status, outputs, states: states.sort() };
            } finally {
              shortWay.isOn = true;
            }
          });
          expect(seen[1]).toEqual(seen[0]);
          expect(seen[2]).toEqual(seen[0]);
          const last = fresh.filter((end) => end.startsWith('{')).at(-1);
          expect(seen[0]?.outputs.slice(-1)).toEqual(last === undefined ? [] : [last]);
        },
      ),
      runs(1000),
    );
  },
  patience,
);
