/** A flow with other code for some of its steps. */
import type { CompiledFlow, Step, StepContext, StepEntry } from '../index.ts';
import type { Values } from './cold.ts';
import { realStep } from './real-step.ts';
import { placeOf, wasCalled } from './replayed-step.ts';
import {
  badStub,
  isRecorded,
  isStub,
  type Stub,
  type Stubs,
  stubbedStep,
  unknownStub,
} from './stub.ts';

/** One call of a step: an attempt, a version, an item. */
export type Called = (context: StepContext) => void;

/**
 * The flow with stubs for steps, made to run in virtual time: what is not replaced is followed through its real
 * work. Stubs that have a row per call count on over all runs of the copy. What steps share over all runs
 * (limits, caches) is fresh, and the jitter of retries is off: a test leaves no time to chance.
 *
 * @example
 * const stubbed = stubSteps(digest, { page: ['--#', '-----(p|)'] }, { p: { title: 'Rivers' } })
 * const trace = await traceRun(stubbed, () => stubbed.start({ url }))
 */
export function stubSteps<Input, Output>(
  flow: CompiledFlow<Input, Output>,
  stubs: Stubs = {},
  values: Values = {},
  called: Called = () => {},
): CompiledFlow<Input, Output> {
  for (const [name, stub] of Object.entries(stubs)) if (!isStub(stub)) throw badStub(name, stub);
  const used = new Set<string>();
  const known: string[] = [];
  const stubbed = flow.withSteps((entry, path) => {
    known.push(path);
    const name = nameIn(stubs, entry.id, path);
    const { step } = entry;
    const isComposed = step.definition !== undefined || step.inner !== undefined;
    const stub = name === undefined ? undefined : (stubs[name] as Stub);
    if (name !== undefined) used.add(name);
    const settings = settled(entry);
    // What is composed of steps is recorded by its steps.
    if (stub === undefined || (isComposed && isRecorded(stub))) {
      return { ...entry, settings, step: isComposed ? step : realStep(step, called) };
    }
    return { ...entry, settings, step: heard(stubbedStep(step, stub, values), called) };
  });
  const wrong = Object.keys(stubs).filter((name) => !used.has(name) && !isRecorded(stubs[name]));
  if (wrong.length > 0) throw unknownStub(flow.id, wrong, known);
  return stubbed;
}

/** Which stub stands for a step: what the author has written comes before what was recorded. */
function nameIn(stubs: Stubs, id: string, path: string): string | undefined {
  const written = [path, id].find((name) => Object.hasOwn(stubs, name) && !isRecorded(stubs[name]));
  if (written !== undefined) return written;
  const ids = placeOf(path).split('.');
  const places = ids.map((_, i) => ids.slice(0, ids.length - i).join('.'));
  return places.find((place, i) => {
    const stub = Object.hasOwn(stubs, place) ? stubs[place] : undefined;
    // A flow that was not called has no steps on record, and none of them may run.
    return isRecorded(stub) && (i === 0 || !wasCalled(stub));
  });
}

/** An object of its own: limits and caches belong to it. */
const settled = ({ settings }: StepEntry<Step>): StepEntry['settings'] => ({
  ...settings,
  ...(settings.retry && { retry: { ...settings.retry, jitter: 0 } }),
});

function heard(step: Step, called: Called): Step {
  const handler = step.handler as (params: unknown, context: StepContext) => unknown;
  const run = (params: unknown, context: StepContext) => {
    called(context);
    return handler(params, context);
  };
  return { ...step, handler: run };
}
