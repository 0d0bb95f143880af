/** What stands in for a step in a test. */
import {
  FlowError,
  type Handler,
  type Reduce,
  type Step,
  type StepContext,
  showValue,
} from '../index.ts';
import { cold, type Values, valueIn } from './cold.ts';
import { parseRow } from './marbles.ts';
import type { Row } from './mark.ts';
import { type RecordedSteps, replayedStep } from './replayed-step.ts';

/** What a step does instead of its code. */
export type Stub =
  /** Marbles, counted from each call: `'500ms (d|)'` answers with d after half a second. */
  | string
  /** Marbles for each call of the step in turn, retries included; the last ones stay: `['--#', '---(a|)']`. */
  | readonly string[]
  /** Marbles with values of their own. */
  | { readonly marbles: string | readonly string[]; readonly values: Values }
  /** Other code. */
  | Handler
  /** What was recorded: see `replay`. */
  | RecordedSteps;

/** By path (`digest.page`, `pages[]` for what runs for each item) or by id. */
export type Stubs = Readonly<Record<string, Stub>>;

/** The step with a stub for its code. Its params and its results are still checked by its schemas. */
export function stubbedStep(step: Step, stub: Stub, values: Values): Step {
  if (typeof stub === 'function') return replaced(step, stub, step.reduce);
  if (isRecorded(stub)) return replayedStep(step, stub);
  if (typeof stub === 'string' || Array.isArray(stub)) return marbleStep(step, stub, values);
  const { marbles, values: own } = stub as Extract<Stub, { readonly marbles: unknown }>;
  return marbleStep(step, marbles, { ...values, ...own });
}

export const isRecorded = (stub: unknown): stub is RecordedSteps =>
  typeof stub === 'object' && stub !== null && 'recorded' in stub;

/** Whether something can stand for a step: who writes no types is told before anything runs. */
export function isStub(stub: unknown): stub is Stub {
  if (typeof stub === 'function' || isRecorded(stub)) return true;
  const isMarbles = typeof stub === 'object' && stub !== null && 'marbles' in stub;
  const rows: readonly unknown[] = [isMarbles ? stub.marbles : stub].flat();
  return rows.length > 0 && rows.every((row) => typeof row === 'string');
}

function marbleStep(step: Step, marbles: string | readonly string[], values: Values): Step {
  const rows = [marbles].flat().map((text) => parseRow(text));
  let calls = 0;
  const handler = (_: unknown, { path }: StepContext) => {
    const row: Row = rows[Math.min(calls++, rows.length - 1)] ?? [];
    const error = () =>
      Object.hasOwn(values, '#') ? values['#'] : new Error(`"${path}" fails, as its marbles say`);
    return cold(row, (key) => valueIn(values, key), error);
  };
  return replaced(step, handler, step.reduce ?? reduceOf(step));
}

/** How the chunks of the real code would become its result. A row without values has none, like a function that returns nothing. */
function reduceOf({ handler }: Step): Reduce {
  const isGenerator = /Generator/.test(Object.prototype.toString.call(handler));
  return isGenerator ? allOf : (chunks: readonly unknown[]) => chunks.at(-1);
}

const allOf = (chunks: readonly unknown[]): unknown =>
  chunks.length > 0 && chunks.every((chunk) => typeof chunk === 'string')
    ? chunks.join('')
    : chunks;

/** What is told of a step and what checks it, with other code. A stub is no flow, asks nobody, and runs nothing else. */
function replaced(step: Step, code: Handler, how: Reduce | undefined): Step {
  const { input, output, chunk, usage, description, metadata, isLlm } = step;
  return { handler: code, reduce: how, input, output, chunk, usage, description, metadata, isLlm };
}

export const badStub = (name: string, stub: unknown): FlowError =>
  new FlowError(
    'invalid-option',
    `What stands for step "${name}" is ${showValue(stub)}. Give marbles, a list of them for its calls in turn, { marbles, values }, a function, or what replay() made.`,
  );

export const unknownStub = (
  flow: string,
  wrong: readonly string[],
  known: readonly string[],
): FlowError =>
  new FlowError(
    'invalid-option',
    `The flow "${flow}" has no step ${wrong.map((name) => `"${name}"`).join(', ')} to replace. It has: ${known.join(', ')}.`,
  );
