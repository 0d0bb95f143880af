/** What a real run did, as plain JSON: answers, latencies, chunks and errors of every step. */
import { type Observable, Subscription } from 'rxjs';
import { type ErrorJson, FlowError, type FlowEvent, isFinal, type Json } from '../index.ts';
import { type AttemptTrace, type StepTrace, Tracer } from './step-trace.ts';

/** One call of a step. Times are ms from its beginning. */
export interface RecordedCall {
  /** Without a value where the chunk was `undefined`. */
  readonly chunks: readonly { readonly at: number; readonly value?: Json }[];
  /** When it ended. None where it never answered: it was timed out, or cancelled with the run. */
  readonly at?: number;
  readonly output?: Json;
  readonly error?: ErrorJson;
}

/** A recorded run. Plain JSON: it may be stored, reviewed and edited. */
export interface Cassette {
  readonly v: 1;
  readonly flow: string;
  readonly input: Json;
  /** The calls of each step by its path: attempts, rounds. None of one that was skipped. */
  readonly steps: Readonly<Record<string, readonly RecordedCall[]>>;
}

export interface RecordOptions {
  /** Gives what may be kept of a value: of the input, of a chunk, of an output, of an error as JSON. Called with plain data of its own. */
  readonly redact?: (value: Json, where: RedactPlace) => unknown;
}

export interface RedactPlace {
  /** Of the step; empty for the input of the run. */
  readonly path: string;
  readonly part: 'input' | 'chunk' | 'output' | 'error';
}

/**
 * Records a run: what `flow.run(input)` emits, or what `flow.start(input)` gives. The stream is subscribed to, so a cold one runs. Resolves
 * when the run has ended, however it did. What a step gives must be plain data, or be made so by `redact`.
 *
 * @example
 * const cassette = await record(digest.run({ url }), { redact: (value) => withoutKeys(value) })
 * await writeFile('digest.cassette.json', JSON.stringify(cassette))
 */
export function record(
  run: Observable<FlowEvent> | { readonly events$: Observable<FlowEvent> },
  options: RecordOptions = {},
): Promise<Cassette> {
  const events$ = run && 'events$' in run ? run.events$ : run;
  if (typeof events$?.subscribe !== 'function') return Promise.reject(noRun());
  const events: FlowEvent[] = [];
  return new Promise((resolve, reject) => {
    const all = new Subscription();
    const end = () => {
      all.unsubscribe();
      try {
        resolve(cassetteOf(events, options));
      } catch (error) {
        reject(error as Error);
      }
    };
    all.add(
      events$.subscribe({
        next: (event) => {
          events.push(event);
          if (isFinal(event)) end();
        },
        // That the run fails is part of what is recorded; that it never began is not.
        error: (error: unknown) => (events.length > 0 ? end() : reject(error as Error)),
        complete: end,
      }),
    );
  });
}

const noRun = (): FlowError =>
  new FlowError(
    'invalid-option',
    'record() takes a run from its beginning: flow.run(input), or what flow.start(input) gives.',
  );

function cassetteOf(events: readonly FlowEvent[], { redact }: RecordOptions): Cassette {
  const [first] = events;
  // A version of a live flow is no run: what it does not change is not called.
  if (first?.type !== 'FLOW_START' || first.version !== undefined) throw noRun();
  const tracer = new Tracer();
  for (const event of events) tracer.hear(event, event.t);
  const keep = (value: unknown, path: string, part: RedactPlace['part']): Json => {
    const plain = redact ? JSON.parse(JSON.stringify(value) ?? 'null') : value;
    return asJson(redact ? redact(plain as Json, { path, part }) : plain, path, part);
  };
  const steps: Record<string, RecordedCall[]> = {};
  for (const step of tracer.steps) {
    // One that was skipped has none, and the replay does not run it either.
    const calls = step.attempts.map((attempt, i) =>
      callOf(step, attempt, i === step.attempts.length - 1, keep),
    );
    steps[step.path] = [...(steps[step.path] ?? []), ...calls];
  }
  return { v: 1, flow: first.flow, input: keep(first.input, '', 'input'), steps };
}

type Keep = (value: unknown, path: string, part: RedactPlace['part']) => Json;

/** What ended because its time was up, or because the run was, had not answered. */
const unanswered = new Set(['step-timeout', 'cancelled']);

function callOf(
  { path, outcome, output }: StepTrace,
  { start, end, chunks, error }: AttemptTrace,
  isLast: boolean,
  keep: Keep,
): RecordedCall {
  const told = chunks.map(({ at, value }) => ({
    at: at - start,
    ...(value !== undefined && { value: keep(value, path, 'chunk') }),
  }));
  // One that had failed, and waited for its retry, has not given what the step gave.
  const succeeded = isLast && outcome === 'success' && !error;
  if (end === undefined || (!succeeded && (!error || unanswered.has(error.code ?? '')))) {
    return { chunks: told };
  }
  if (!succeeded) {
    const json = keep(withoutStacks(error as ErrorJson), path, 'error') as unknown as ErrorJson;
    return { chunks: told, at: end - start, error: json };
  }
  return {
    chunks: told,
    at: end - start,
    ...(output !== undefined && { output: keep(output, path, 'output') }),
  };
}

/** Stacks name folders of whoever recorded. */
function withoutStacks({ stack, cause, errors, ...error }: ErrorJson): ErrorJson {
  return {
    ...error,
    ...(cause !== undefined && { cause: withoutStacks(cause as ErrorJson) }),
    ...(errors && { errors: errors.map(withoutStacks) }),
  };
}

/** A copy as JSON has it, with `null` for `undefined` in a list. Refuses whatever else would come back as something else. */
function asJson(value: unknown, path: string, part: string): Json {
  const refuse = (at: string, what: string): never => {
    throw new FlowError(
      'not-serialisable',
      `The ${part}${path && ` of step "${path}"`} cannot be recorded: ${at || 'it'} is ${what}, which JSON cannot carry. Make plain data of it: record(run, { redact })`,
      { path },
    );
  };
  const copy = (each: unknown, at: string): Json => {
    if (each === null || typeof each === 'string' || typeof each === 'boolean') return each;
    if (typeof each === 'number' && Number.isFinite(each)) return each;
    if (each === undefined) return null;
    if (Array.isArray(each)) return each.map((item, i) => copy(item, `${at}[${i}]`));
    const prototype: unknown = typeof each === 'object' ? Object.getPrototypeOf(each) : undefined;
    if (prototype !== Object.prototype && prototype !== null) {
      return refuse(
        at,
        typeof each === 'object' ? `a ${nameOfClass(each as object)}` : `a ${typeof each}`,
      );
    }
    const parts = Object.entries(each as object).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      parts.map(([name, item]) => [name, copy(item, at === '' ? name : `${at}.${name}`)]),
    );
  };
  return copy(value, '');
}

const nameOfClass = (value: object): string => value.constructor?.name || 'object';
