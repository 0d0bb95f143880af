/** The end of a flow: its outputs, what they need, and the error where one of them cannot be had. */
import { FlowError, type Issue } from '../errors.ts';
import { type Binding, keysOf } from '../graph/binding.ts';
import { parseKey } from '../graph/key.ts';
import { put } from '../plain.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import type { Plan, PlanNode, Scope, View } from '../wire/plan.ts';

/** The outputs of a flow whose steps have all ended. An output of a skipped step is absent; one of a failed step is an error. */
export function outputsOf(
  plan: Plan,
  close: PlanNode,
  run: View,
  wanted: readonly string[] | undefined,
): Outcome {
  const isRoot = close.index === plan.root.close;
  const output: Record<string, unknown> = {};
  const missing: string[] = [];
  for (const { name, binding, resolve } of close.params) {
    if (isRoot && wanted && !wanted.includes(name)) continue;
    let value: unknown;
    try {
      value = resolve(run);
    } catch (cause) {
      missing.push(`its output "${name}" cannot be made: ${(cause as Error).message}`);
      continue;
    }
    if (value !== undefined) put(output, name, value);
    else {
      const culprit = failedSource(plan, close.scope, binding, run);
      if (culprit !== undefined) missing.push(`its output "${name}" needs "${culprit}"`);
    }
  }
  if (missing.length === 0) return success(Object.freeze(output));
  return failure(
    runFailed(
      plan,
      failuresIn(plan, close.scope, run),
      run.at(close.scope.path),
      missing.join(', '),
    ),
  );
}

/** The step that an output reads and that has no value because of a failure. */
function failedSource(plan: Plan, scope: Scope, binding: Binding, run: View): string | undefined {
  for (const text of keysOf(binding)) {
    const key = parseKey(text);
    const source = key.of === 'input' ? undefined : scope.nodes.get(key.step);
    if (source && key.of !== 'input' && isRootedInFailure(plan, run.outcomes[source.outcome], run))
      return key.step;
  }
  return undefined;
}

function isRootedInFailure(plan: Plan, outcome: Outcome | undefined, run: View): boolean {
  let at = outcome;
  // Each skip leads to a step before it, so this ends.
  while (at?.status === 'skipped') {
    if (at.skip.reason === 'upstream-failed') return true;
    const { source } = at.skip.detail;
    const node = source === undefined ? undefined : plan.byPath.get(source);
    at = node && run.outcomes[node.index];
  }
  return at?.status === 'failure';
}

/** The errors of the steps that failed in a flow, in the order of the plan; flows that failed because of them left out. */
export function failuresIn(plan: Plan, scope: Scope, run: View): readonly FlowError[] {
  const errors: FlowError[] = [];
  for (let i = scope.open + 1; i < scope.close; i++) {
    const outcome = run.outcomes[i];
    if (outcome?.status !== 'failure') continue;
    const { kind } = plan.nodes[i] as PlanNode;
    if (kind !== 'close') errors.push(outcome.error);
  }
  return errors;
}

export function runFailed(
  plan: Plan,
  errors: readonly FlowError[],
  path: string,
  why: string,
): FlowError {
  const name = path === '' ? `The run of "${plan.definition.id}"` : `The flow "${path}"`;
  const issues: Issue[] = errors.map((error) => ({
    path: error.path ?? '',
    message: error.message,
  }));
  const lines = issues.map(({ path, message }) => `\n  - ${path}: ${message}`);
  return new FlowError('run-failed', `${name} failed: ${why}.${lines.join('')}`, {
    path,
    errors,
    issues,
    ...(errors[0] && { cause: errors[0] }),
  });
}

/** Which nodes the wanted outputs need. A flow used as a step is needed as a whole. */
export function neededFor(plan: Plan, wanted: readonly string[]): Uint8Array {
  const needed = new Uint8Array(plan.nodes.length);
  const { root, nodes } = plan;
  needed[root.open] = 1;
  needed[root.close] = 1;
  const todo: number[] = [];
  const need = (index: number) => {
    if (needed[index] === 1) return;
    needed[index] = 1;
    todo.push(index);
  };
  const close = nodes[root.close] as PlanNode;
  for (const { name, binding } of close.params) {
    if (!wanted.includes(name)) continue;
    for (const text of keysOf(binding)) {
      const key = parseKey(text);
      if (key.of !== 'input') need((root.nodes.get(key.step) as { outcome: number }).outcome);
    }
  }
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const node = nodes[at] as PlanNode;
    if (node.kind === 'close') for (let i = node.scope.open; i < at; i++) need(i);
    for (const { source, start } of node.links) {
      need(source);
      need(start);
    }
  }
  return needed;
}
