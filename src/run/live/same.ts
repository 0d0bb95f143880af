/** What counts as unchanged: inputs, params, outcomes. */
import { FlowError } from '../../errors.ts';
import { equal, isRecord, put } from '../../plain.ts';
import { failure, type Outcome } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import type { Values } from './seat.ts';

export type Equals = (before: unknown, now: unknown) => boolean;

/** The new input, with what is the same as before in place of it, and the names of the rest. Without names, all of it is new. */
export function comparedInput(
  before: Values | undefined,
  now: Values,
  equals: Equals | undefined,
): { readonly input: Values; readonly changed: readonly string[] | undefined } {
  if (!before || !isRecord(before) || !isRecord(now)) {
    const isSame = before !== undefined && equal(before, now);
    return isSame ? { input: before, changed: [] } : { input: now, changed: undefined };
  }
  const changed: string[] = [];
  const input: Record<string, unknown> = {};
  for (const name of Object.keys(now)) {
    const old = before[name];
    const value = now[name];
    // A schema makes new objects of the same values.
    const isKept =
      Object.hasOwn(before, name) && (equal(old, value) || (equals?.(old, value) ?? false));
    put(input, name, isKept ? old : value);
    if (!isKept) changed.push(name);
  }
  for (const name of Object.keys(before)) if (!Object.hasOwn(now, name)) changed.push(name);
  return { input: changed.length === 0 ? before : Object.freeze(input), changed };
}

/** Values that are put together of several are new objects each time: they are compared by their parts. */
export function sameParams({ params }: PlanNode, before: Values, now: Values): boolean {
  for (const { name, binding } of params) {
    if (Object.is(before[name], now[name])) continue;
    const isComposed = 'array' in binding || 'object' in binding;
    if (!isComposed || !equal(before[name], now[name])) return false;
  }
  return true;
}

/** Whether an outcome makes no difference to those who read it. */
function isSame(node: PlanNode, before: Outcome, now: Outcome): boolean {
  if (before === now) return true;
  if (before.status === 'success' && now.status === 'success') {
    if (node.kind !== 'step')
      return (
        sameParams(node, before.value as Values, now.value as Values) || before.value === now.value
      );
    const same = node.settings.equals as Equals | undefined;
    if (before.adds !== now.adds) return false;
    return same ? same(before.value, now.value) : Object.is(before.value, now.value);
  }
  if (before.status === 'failure' && now.status === 'failure')
    return node.kind === 'close' && isSameFailure(before.error, now.error);
  if (before.status !== 'skipped' || now.status !== 'skipped') return false;
  return before.skip.reason === now.skip.reason && equal(before.skip.detail, now.skip.detail);
}

/** The failure of a flow is that of its steps: these may be what they were. */
const isSameFailure = (before: FlowError, now: FlowError): boolean =>
  before.message === now.message &&
  before.errors.length === now.errors.length &&
  before.errors.every((error, i) => error === now.errors[i]);

/** The outcome to go on with: the one before, where the new one makes no difference. */
export function kept(node: PlanNode, before: Outcome | undefined, now: Outcome): Outcome {
  if (!before) return now;
  if (!node.settings.equals) return isSame(node, before, now) ? before : now;
  try {
    return isSame(node, before, now) ? before : now;
  } catch (cause) {
    const message = `The option "equals" of step "${node.path}" threw: ${String(cause)}`;
    return failure(new FlowError('step-failed', message, { path: node.path, cause }));
  }
}
