/** Says in one sentence what became of a step, and why, following the chain to its root. */
import { listed } from '../errors.ts';
import { type Snapshot, type StepState, stepState } from './snapshot.ts';

/**
 * What became of the step at a path, and why.
 *
 * @example
 * explain(snapshot, 'mail') // '"mail" was skipped: "draft" was skipped: the condition "page.return.length > 200" was false: …'
 */
export function explain(snapshot: Snapshot, path: string): string {
  const step = stepState(snapshot, path);
  if (!step) return notStarted(snapshot, path);
  const reasons: string[] = [];
  const seen = new Set<string>();
  let at: StepState | undefined = step;
  let name = path;
  while (at?.status === 'skipped' && at.detail && !seen.has(name)) {
    seen.add(name);
    reasons.push(at.detail.message);
    name = at.detail.source ?? '';
    at = name === '' ? undefined : stepState(snapshot, name);
  }
  if (at?.error && at !== step) reasons.push(at.error.message);
  return `"${path}" ${told(step)}${reasons.length > 0 ? `: ${shortened(reasons).join(': ')}` : ''}.`;
}

/** Of a long chain its beginning and its root. */
const shortened = (reasons: readonly string[]): readonly string[] =>
  reasons.length <= 10
    ? reasons
    : [...reasons.slice(0, 4), `… ${reasons.length - 7} more …`, ...reasons.slice(-3)];

function told(step: StepState): string {
  switch (step.status) {
    case 'skipped':
      return 'was skipped';
    case 'success':
      return `ran and succeeded${step.attempts > 1 ? ` in attempt ${step.attempts}` : ''}`;
    case 'failure':
      return `failed: ${step.error?.message ?? 'without a message'}`;
    case 'waiting':
      return 'waits for an answer';
    case 'retrying':
      return `waits for its next attempt; attempt ${step.attempts} failed: ${step.error?.message ?? ''}`;
    case 'cancelled':
      return 'was cancelled while it ran';
    case 'running':
      return 'is running';
  }
}

function notStarted({ status, steps }: Snapshot, path: string): string {
  const isOver = status !== 'running' && status !== 'pending' && status !== 'suspended';
  const known = listed(Object.keys(steps), 'none yet');
  return isOver
    ? `"${path}" has not run: the run ended in ${status} before. Steps that something happened to: ${known}.`
    : `"${path}" has not started: not all steps before it have ended. Steps that something happened to: ${known}.`;
}
