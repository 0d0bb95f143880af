/** The end of a flow: its outputs, what they need, and the error where one of them cannot be had. */
import { FlowError, type Issue, listed, messageOf } from '../errors.ts';
import { type Binding, keysNeeded, keysOf } from '../graph/binding.ts';
import { parseKey, stepsIn } from '../graph/key.ts';
import { put } from '../plain.ts';
import { failure, type Outcome, type Skip, skipped, success } from '../state/outcome.ts';
import { type Plan, type PlanNode, paramOf, type Scope, type View } from '../wire/plan.ts';

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
  for (const param of close.params) {
    const { name, binding } = param;
    if (isRoot && wanted && !wanted.includes(name)) continue;
    let value: unknown;
    try {
      value = paramOf(param, run);
    } catch (cause) {
      missing.push(`its output "${name}" cannot be made: ${messageOf(cause)}`);
      continue;
    }
    // A value that is put together may lack a part.
    const isWhole = value !== undefined && !('array' in binding) && !('object' in binding);
    const culprit = isWhole ? undefined : failedSource(plan, close.scope, binding, run);
    if (culprit !== undefined) missing.push(`its output "${name}" needs "${culprit}"`);
    else if (value !== undefined) put(output, name, value);
  }
  if (missing.length === 0) return success(Object.freeze(output));
  return failure(
    runFailed(
      plan,
      failuresIn(plan, close.scope, run),
      run.at(close.scope.path),
      listed(missing.sort()),
    ),
  );
}

/** The step that an output reads and that has no value because of a failure. */
function failedSource(plan: Plan, scope: Scope, binding: Binding, run: View): string | undefined {
  for (const text of keysNeeded(binding)) {
    const key = parseKey(text);
    if (key.of === 'input') continue;
    const source = scope.nodes.get(key.step)?.outcome ?? -1;
    // The error and the params of a step that failed are there.
    const isThere = key.of !== 'return' && run.outcomes[source]?.status === 'failure';
    if (!isThere && isRootedInFailure(plan, source, run)) return key.step;
  }
  return undefined;
}

/** Whether a step failed, or did not run where it would have run perhaps without a failure before it. */
function isRootedInFailure(plan: Plan, source: number, run: View): boolean {
  const sources = new Set([source]);
  // A Set goes on with what is added meanwhile.
  for (const at of sources) {
    const outcome = run.outcomes[at];
    if (outcome?.status === 'failure') return true;
    if (outcome?.status !== 'skipped') continue;
    if (outcome.skip.reason === 'upstream-failed') return true;
    for (const before of missedBy(plan, at, outcome.skip, run)) sources.add(before);
  }
  return false;
}

/** The steps that a skipped step would have needed. All of them, not only the one that its reason names: which one that is follows from ids. */
function missedBy(plan: Plan, index: number, skip: Skip, run: View): readonly number[] {
  const ended = plan.nodes[index] as PlanNode;
  const { links, params, gate } =
    ended.kind === 'close' ? (plan.nodes[ended.scope.open] as PlanNode) : ended;
  if (skip.reason === 'missing-input') {
    const lacking = params.filter((param) => param.required && paramOf(param, run) === undefined);
    return stepsIn(lacking.flatMap(({ binding }) => keysNeeded(binding))).flatMap(
      (step) => gate?.nodes.get(step)?.outcome ?? [],
    );
  }
  const isByLink = skip.reason === 'upstream-skipped' || skip.detail.link !== undefined;
  if (!isByLink) return [];
  return links
    .filter(({ link, source }) => link.counts && run.outcomes[source]?.status === 'skipped')
    .map(({ source }) => source);
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

/** The errors that the message of a failed run lists. */
const most = 20;

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
  // What a message lists itself stands one step further in. Too far in, flows that failed because of others are left out.
  const lines = issues
    .slice(0, most)
    .map(
      ({ path, message }) =>
        `\n  - ${path}: ${message.replaceAll('\n', '\n  ').replace(/\n {16}.*\(run-failed\)(?=\n)/g, '')}`,
    );
  const more = issues.length - most;
  if (more > 0) lines.push(`\n  and ${more} more: see "errors"`);
  return new FlowError('run-failed', `${name} failed: ${why}.${lines.join('')}`, {
    path,
    errors,
    issues,
    ...(errors[0] && { cause: errors[0] }),
  });
}

export const notNeeded = skipped('not-needed', () => ({ message: 'no wanted output needs it' }));

/** Which nodes the wanted outputs need. A flow used as a step is needed as a whole. */
export function neededFor({ root, nodes }: Plan, wanted: readonly string[]): Uint8Array {
  const close = nodes[root.close] as PlanNode;
  const keys = close.params
    .filter(({ name }) => wanted.includes(name))
    .flatMap(({ binding }) => keysOf(binding));
  const needed = new Set<number>();
  for (const step of stepsIn(keys))
    needed.add((root.nodes.get(step) as { outcome: number }).outcome);
  // A Set goes on with what is added meanwhile.
  for (const at of needed) {
    const { kind, scope, links } = nodes[at] as PlanNode;
    if (kind === 'close') for (let i = scope.open; i < at; i++) needed.add(i);
    for (const { source, start } of links) needed.add(source).add(start);
  }
  needed.add(root.open).add(root.close);
  return Uint8Array.from(nodes, ({ index }) => Number(needed.has(index)));
}
