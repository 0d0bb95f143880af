/** A step that does again what was recorded of it. */
import {
  type ErrorCode,
  type ErrorJson,
  FlowError,
  type Handler,
  type Step,
  type StepContext,
  StepResult,
} from '../index.ts';
import type { Cassette, RecordedCall } from './cassette.ts';
import { cold } from './cold.ts';
import type { Mark } from './mark.ts';

/** What was recorded of one step, or of all items that it runs. */
export interface RecordedSteps {
  /** The calls of each path. */
  readonly recorded: Readonly<Record<string, readonly RecordedCall[]>>;
}

export const wasCalled = ({ recorded }: RecordedSteps): boolean =>
  Object.values(recorded).some(({ length }) => length > 0);

/**
 * A recorded run as stubs: each step answers as it did, after the time that it took. Other stubs may stand beside it.
 *
 * @example
 * const trace = await traceFlow(digest, cassette.input as { url: string }, { steps: replay(cassette) })
 */
export function replay(cassette: Cassette): Readonly<Record<string, RecordedSteps>> {
  if (cassette?.v !== 1 || typeof cassette.steps !== 'object') {
    throw new FlowError(
      'invalid-option',
      'replay() takes a cassette, as record() gives it: an object with "v": 1 and "steps".',
    );
  }
  const stubs = new Map<string, { recorded: Record<string, readonly RecordedCall[]> }>();
  for (const [path, calls] of Object.entries(cassette.steps)) {
    const place = placeOf(path);
    const stub = stubs.get(place) ?? { recorded: {} };
    stub.recorded[path] = calls;
    stubs.set(place, stub);
  }
  return Object.fromEntries(stubs);
}

/**
 * The place of a step in its flow, whichever item, round or call of a tool its path names. Of the steps of one place, only the innermost
 * is not composed of others, and only that one is replaced.
 */
export const placeOf = (path: string): string => path.replace(/\[\d*\]/g, '');

/** Its answers were checked when they were recorded; what its schemas made of them is not checked again. */
export function replayedStep(step: Step, { recorded }: RecordedSteps): Step {
  const { input, usage, description, metadata, isLlm } = step;
  const made = new Map<string, number>();
  const handler = (_: unknown, { path }: StepContext) => {
    const count = made.get(path) ?? 0;
    made.set(path, count + 1);
    const calls = Object.hasOwn(recorded, path) ? recorded[path] : undefined;
    const call = calls?.[count];
    if (!call) throw notRecorded(path, count, calls?.length ?? 0);
    return replayed(call);
  };
  return { handler: handler as Handler, input, usage, description, metadata, isLlm };
}

const notRecorded = (path: string, count: number, calls: number): FlowError =>
  new FlowError(
    'invalid-option',
    `The cassette has no call ${count + 1} of "${path}": ${calls === 0 ? 'it was not called' : `it was called ${calls === 1 ? 'once' : `${calls} times`}`} when the run was recorded. Record again, or replace the step by marbles`,
    { path },
  );

/** What took no time is there at once, as it was then. */
function replayed(call: RecordedCall): unknown {
  const { chunks, at, output, error } = call;
  if (at === 0 && chunks.length === 0) {
    if (error) throw revived(error);
    return output;
  }
  const told = chunks.map((chunk, i): Mark => ({ at: chunk.at, kind: 'value', key: `${i}` }));
  const end: Mark[] =
    at === undefined
      ? []
      : error
        ? [{ at, kind: 'error' }]
        : [
            { at, kind: 'value', key: '|' },
            { at, kind: 'complete' },
          ];
  return cold(
    [...told, ...end],
    (key) => (key === '|' ? new StepResult(output) : chunks[Number(key)]?.value),
    () => revived(error as ErrorJson),
  );
}

/** The error as its step threw it: what the library had made of it, it makes again. */
function revived(json: ErrorJson): unknown {
  const { code, path, issues, cause } = json;
  if (code === 'step-failed' && cause !== undefined) return revived(cause as ErrorJson);
  if (json.name === 'NonError') return json.message;
  if (json.name === 'FlowError' && code !== undefined) {
    const message = json.message.replace(` (${code})`, '');
    return new FlowError(code as ErrorCode, message, {
      ...(path !== undefined && { path }),
      ...(issues && { issues }),
    });
  }
  const error = new Error(
    json.message,
    cause === undefined ? {} : { cause: revived(cause as ErrorJson) },
  );
  error.name = json.name;
  return Object.assign(error, code !== undefined && { code });
}
