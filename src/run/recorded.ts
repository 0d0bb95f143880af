/** What a stored run says of its steps, for a run that goes on from it. */
import { type Outcome, success } from '../state/outcome.ts';
import { type Snapshot, type StepState, stepState } from '../state/snapshot.ts';
import type { Recorded } from '../wire/host.ts';

/** Steps that ended in success or were skipped keep their outcome; failed ones, and those skipped because of a failure, run again. */
export function recordedIn(snapshot: Snapshot): (path: string) => Recorded | undefined {
  return (path) => {
    const step = stepState(snapshot, path);
    return step && { input: step.input, outcome: outcomeOf(step, snapshot) };
  };
}

export function outcomeOf(step: StepState, snapshot: Snapshot): Outcome | undefined {
  const { status, output, adds, reason, detail } = step;
  if (status === 'success') return success(output, adds);
  if (!reason || !detail || isBecauseOfFailure(step, snapshot)) return undefined;
  return { status: 'skipped', skip: { reason, detail } };
}

function isBecauseOfFailure(step: StepState, snapshot: Snapshot): boolean {
  let at: StepState | undefined = step;
  // Each skip leads to a step before it, so this ends.
  while (at?.status === 'skipped') {
    if (at.reason === 'upstream-failed') return true;
    const source: string | undefined = at.detail?.source;
    at = source === undefined ? undefined : stepState(snapshot, source);
  }
  return at !== undefined && at.status !== 'success';
}

/** The steps whose hash is not what it was, those that came and those that went. */
export function changedSteps(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...all].filter((id) => before[id] !== now[id]).sort();
}
