/** A flow as `marbles/` writes it, made into one that runs. */

import type { CompiledFlow, LinkOptions, Step } from '../index.ts';
import {
  type Binding,
  type Condition,
  each,
  Flow,
  type FlowJson,
  question,
  repeat,
} from '../index.ts';
import { answerOf } from './spec-answer.ts';
import { type Line, type Read, type StepLine, unreadable } from './spec-notation.ts';
import type { Stub } from './stub.ts';

export interface SpecFlow {
  readonly flow: CompiledFlow<unknown, unknown>;
  /** What its steps do, by path. */
  readonly stubs: Readonly<Record<string, Stub>>;
}

interface Made {
  readonly json: FlowJson;
  /** Code of the library that stands around steps. */
  readonly steps: Record<string, Step>;
  readonly stubs: Record<string, Stub>;
}

/** `isReversed`: steps and links are stated in the opposite order, which must not matter (1.14). */
export function specFlow(
  lines: readonly Line[],
  values: Readonly<Record<string, unknown>>,
  isReversed = false,
): SpecFlow {
  const { json, steps, stubs } = new Maker(values, isReversed).flow('spec', lines, '', '');
  return { flow: Flow.fromJSON(json, { steps }), stubs };
}

class Maker {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly isReversed: boolean;

  constructor(values: Readonly<Record<string, unknown>>, isReversed: boolean) {
    this.values = values;
    this.isReversed = isReversed;
  }

  /** `around` is the path of the flow, `within` that in the registry: a flow that is run for each item has one of its own. */
  flow(id: string, lines: readonly Line[], around: string, within: string): Made {
    const own = lines.filter((line) => line.kind === 'step');
    const known = new Set(own.map((line) => line.id));
    const steps: Record<string, Step> = {};
    const stubs: Record<string, Stub> = {};
    const stated = this.isReversed ? own.toReversed() : own;
    const entries = stated.map(
      (line) => [line.id, this.step(line, around, within, known, steps, stubs)] as const,
    );
    const data = stated.flatMap((line) => line.reads.map((read) => bindingOf(line, read, known)));
    const links = stated.flatMap((line) => linksInto(line, known));
    const output = lines.find((line) => line.kind === 'output');
    const names = output ? list(output.value) : own.map((line) => line.id);
    const json: FlowJson = {
      v: 1,
      id,
      steps: Object.fromEntries(entries),
      links,
      data: Object.fromEntries(data),
      outputs: Object.fromEntries(names.map((name) => [name, { key: `${name}.return` }])),
    };
    return { json, steps, stubs };
  }

  private step(
    line: StepLine,
    around: string,
    within: string,
    known: ReadonlySet<string>,
    steps: Record<string, Step>,
    stubs: Record<string, Stub>,
  ): FlowJson['steps'][string] {
    const { id, words, answer } = line;
    const path = around + id;
    const isMany = / (each|repeat) /.test(words);
    const settings = settingsOf(words, known);
    const inner = isMany ? `${path}[]` : path;
    let step: Step = { handler: () => undefined };
    if (answer === undefined) {
      const made = this.flow(id, line.lines, `${inner}.`, isMany ? '' : `${within}${id}.`);
      Object.assign(stubs, made.stubs);
      if (!isMany) {
        Object.assign(steps, made.steps);
        return { ...settings, flow: made.json };
      }
      step = Flow.fromJSON(made.json, { steps: made.steps }) as Step;
    } else if (answer === '?') step = question({ answer: anything });
    else stubs[inner] = answerOf(answer, this.values);
    steps[within + id] = aroundStep(step, words, line.reads);
    return settings;
  }
}

const anything = {
  '~standard': { version: 1, vendor: 'millrace', validate: (value: unknown) => ({ value }) },
} as const;

/** `each 2 skip`, `repeat 5 while x`. */
function aroundStep(step: Step, words: string, reads: readonly Read[]): Step {
  const many = / each( \d+)?( skip| null)? /.exec(words);
  if (many) {
    const [, count, onError] = many;
    return each(step, {
      ...(count && { concurrency: Number(count) }),
      ...(onError && { onError: onError.trim() as 'skip' }),
    }) as unknown as Step;
  }
  const again = / repeat (\d+)(?: while (\w))? /.exec(words);
  if (!again) return step;
  const [, max, wanted] = again;
  const name = reads[0]?.name ?? 'value';
  return repeat(step, {
    max: Number(max),
    while: (result) => wanted === undefined || result === wanted,
    next: (result) => ({ [name]: result }) as never,
  }) as unknown as Step;
}

function bindingOf(
  { id, words }: StepLine,
  read: Read,
  known: ReadonlySet<string>,
): readonly [string, Binding] {
  const [first = '', ...rest] = read.name.split('.');
  const tail = rest.map((name) => `.${name}`).join('');
  const kind = { value: 'return', chunks: 'chunks', error: 'error' }[read.what];
  const key = known.has(first) ? `${first}.${kind}${tail}` : read.name;
  const isItems = read.what === 'chunks' && / each /.test(words);
  const named = read.what === 'value' ? (rest.at(-1) ?? first) : `${first}_${read.what}`;
  const param = isItems ? 'items' : named;
  const binding = {
    key,
    ...(read.fallback !== undefined && { default: read.fallback }),
    ...(read.required && { required: true }),
  };
  return [`${id}.${param}`, binding as Binding];
}

/** `after a`, `after a on failure`, `after a when b is x`. */
function linksInto(
  { id, words }: StepLine,
  known: ReadonlySet<string>,
): FlowJson['links'][number][] {
  const found = words.matchAll(
    / after (\w+)(?: on (failure|settled))?(?: if (\w+ (?:is(?: not)? \w|exists)))?(?= )/g,
  );
  return [...found].map(([, from = '', on, when]) => ({
    from,
    to: id,
    ...(on !== undefined && { on: on as NonNullable<LinkOptions['on']> }),
    ...(when !== undefined && { when: conditionOf(when, known) }),
  }));
}

function conditionOf(text: string, known: ReadonlySet<string>): Condition {
  const [, name = '', verb, value] = /^(\w+) (is not|is|exists) ?(\w)?$/.exec(text) ?? [];
  const left = { key: known.has(name) ? `${name}.return` : name };
  if (verb === 'exists') return { op: 'exists', left };
  if (value === undefined) throw unreadable(text);
  return { op: verb === 'is' ? 'eq' : 'ne', left, right: value };
}

function settingsOf(words: string, known: ReadonlySet<string>): Readonly<Record<string, unknown>> {
  const word = (pattern: RegExp): string | undefined => pattern.exec(words)?.[1];
  const number = (name: string): number | undefined => {
    const found = word(new RegExp(` ${name} (\\d+) `));
    return found === undefined ? undefined : Number(found);
  };
  const given = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  const retry = given({
    count: number('retry'),
    delay: number('delay'),
    maxDelay: number('max'),
    backoff: word(/ (exponential) /),
  });
  const timeout = given({
    attempt: number('timeout'),
    total: number('total'),
    idle: number('idle'),
  });
  const when = word(/ when (\w+ (?:is(?: not)? \w|exists)) /);
  return given({
    join: word(/ (any|all|settled) (?!exists)/),
    policy: word(/ (switch|concat|merge|exhaust|conflate) /),
    maxPending: number('pending'),
    concurrency: number('concurrency'),
    fallback: word(/ fallback (\w) /),
    retry: 'count' in retry ? retry : undefined,
    timeout: Object.keys(timeout).length > 0 ? timeout : undefined,
    cache: / cached /.test(words) ? {} : undefined,
    when: when === undefined ? undefined : conditionOf(when, known),
  });
}

export const list = (text: string): readonly string[] => text.split(',').map((each) => each.trim());
