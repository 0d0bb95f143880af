/** Options that nobody reads, and values that they cannot have: TypeScript refuses them, and so does the call. */
import { defineOperator, defineStep, each, Flow, question, repeat } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { map, type OperatorFunction } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { thrown, untyped } from './thrown.ts';

const run = (params: unknown) => params;
const input = z.object({ url: z.string() });

const none = (name: string, place: string, meant: string, known: string) =>
  `There is no option "${name}" of ${place}. Did you mean "${meant}"? It takes: ${known}. (invalid-option)`;
const wrong = (name: string, place: string, value: string, wanted: string) =>
  `The option "${name}" of ${place} is ${value}. It takes ${wanted}. (invalid-option)`;

const ofFlow = 'input, description, metadata';
const ofStep = 'input, output, chunk, run, reduce, usage, description, metadata, isLlm';
const ofOperator = 'input, output, operator, oneToOne, description, metadata';
type Operator = { operator: OperatorFunction<unknown, unknown> };
const ofRepeat = { while: () => false, max: 1 };
const flow = new Flow<{ url: string }>('f');
const compiled = flow.output({ url: flow.input.url });

const ofSettings =
  'join, policy, concurrency, maxPending, equals, retry, timeout, cache, metadata, fallback, when';
const withSettings = (settings: object) => {
  const flow = new Flow('f');
  flow.step('page', run, {});
  return flow.output({}).withSteps((entry) => ({ ...entry, settings }));
};

const refuses = (_: string, work: () => unknown, message: string): void => {
  const error = thrown(work);
  expect([error.code, error.message]).toEqual(['invalid-option', message]);
};

test.each<[what: string, work: () => unknown, message: string]>([
  [
    'a flow',
    () => new Flow('x', untyped({ inputs: input })),
    none('inputs', 'flow "x"', 'input', ofFlow),
  ],
  [
    'a flow of string keys',
    () => new FlowBuilder('x', untyped({ inputs: input })),
    none('inputs', 'flow "x"', 'input', ofFlow),
  ],
  [
    'a described step',
    () => defineStep(untyped<{ run: typeof run }>({ inputs: input, run })),
    none('inputs', 'defineStep()', 'input', ofStep),
  ],
  [
    'a step of an operator',
    () => defineOperator(untyped<Operator>({ inputs: input, operator: map(run) })),
    none('inputs', 'defineOperator()', 'input', ofOperator),
  ],
  [
    'each()',
    () => each(run, untyped<object>({ concurency: 2 })),
    none('concurency', 'each()', 'concurrency', 'concurrency, onError, as'),
  ],
  [
    'a live flow',
    () => compiled.live({ url: 'x' }, untyped({ equals: 3 })),
    wrong('equals', 'a live flow', '3', 'a function'),
  ],
  [
    'withSteps()',
    () => withSettings({ concurency: 3 }),
    none('concurency', 'step "page"', 'concurrency', ofSettings),
  ],
  [
    'a setting that cannot be, in withSteps()',
    () => withSettings({ retry: { count: -1 } }),
    wrong('count', 'option "retry" of step "page"', '-1', 'a whole number, 0 or more'),
  ],
  [
    'a retry without a count, which would never end',
    () => withSettings({ retry: { delay: 5 } }),
    wrong('count', 'option "retry" of step "page"', 'undefined', 'a whole number, 0 or more'),
  ],
  [
    'a setting that means nothing, in withSteps()',
    () => withSettings({ maxPending: 3 }),
    'The option "maxPending" of step "page" is for policy: "concat", or "merge" with "concurrency". (invalid-option)',
  ],
  [
    'repeat()',
    () => repeat(run, untyped({ ...ofRepeat, nxt: run })),
    none('nxt', 'repeat()', 'next', 'max, while, next'),
  ],
  [
    'a question',
    () => question({ anser: input } as never),
    none('anser', 'question()', 'answer', 'input, answer, description'),
  ],
  [
    'what a key of a builder is bound to',
    () => new FlowBuilder('b').setDataMap('a.x', 'y', untyped({ defualt: 1 })),
    none('defualt', 'setDataMap()', 'default', 'default, autolink'),
  ],
  [
    'a Mermaid diagram',
    () => compiled.toMermaid(untyped({ directon: 'LR' })),
    none('directon', 'toMermaid()', 'direction', 'direction'),
  ],
])('2.1 %s: an option that there is not', refuses);

test.each<[what: string, work: () => unknown, message: string]>([
  [
    'the description of a flow',
    () => new Flow('x', untyped({ description: 5 })),
    wrong('description', 'flow "x"', '5', 'a text'),
  ],
  [
    'the reduction of a step',
    () => defineStep(untyped<{ run: typeof run }>({ run, reduce: 'sum' })),
    wrong('reduce', 'defineStep()', '"sum"', '"last", "concat", "collect" or a function'),
  ],
  [
    'the concurrency of each()',
    () => each(run, { concurrency: 0.5 }),
    wrong('concurrency', 'each()', '0.5', 'a whole number, 1 or more'),
  ],
  [
    'what each() does with a failure',
    () => each(run, untyped<object>({ onError: 'ignore' })),
    wrong('onError', 'each()', '"ignore"', '"fail", "skip", "null"'),
  ],
  [
    'the direction of a Mermaid diagram',
    () => compiled.toMermaid(untyped({ direction: 'XX' })),
    wrong('direction', 'toMermaid()', '"XX"', '"TD", "LR"'),
  ],
])('2.1 %s: a value that cannot be', refuses);

test('2.1 what the options may be stays', () => {
  for (const reduce of [
    'last',
    'concat',
    'collect',
    (chunks: readonly never[]) => chunks,
    undefined,
  ])
    expect(defineStep(untyped<{ run: typeof run }>({ run, reduce }))).toMatchObject({
      handler: run,
    });
  for (const concurrency of [1, 4, Number.POSITIVE_INFINITY, undefined])
    expect(each(run, untyped<object>({ concurrency }))).toHaveProperty('handler');
  expect(compiled.toMermaid({ direction: 'LR' })).toContain('flowchart LR');
  expect(compiled.toMermaid()).toContain('flowchart TD');
});
