/** What a run tells, put together from what it knows. */
import { errorJson, FlowError, messageOf } from '../errors.ts';
import { copyPlain, freeze, isPlain, isRecord, oncePer, own, put } from '../plain.ts';
import type { Change, Usage } from '../state/event.ts';
import type { Outcome, Skip } from '../state/outcome.ts';
import { type Plan, type PlanNode, paramOf, successOf, type View } from '../wire/plan.ts';
import type { Step } from '../wire/step.ts';
import { additionsOf, extended } from './lists.ts';
import type { RunOptions } from './options.ts';
import type { Setup } from './setup.ts';

export function flowStart(plan: Plan, input: unknown, options: RunOptions, setup: Setup): Change {
  const { parentId, metadata } = options;
  const { memory, before, forkOf } = setup;
  return {
    type: 'FLOW_START',
    flow: plan.definition.id,
    input,
    ...(parentId !== undefined && { parentId }),
    ...(metadata && { metadata: freeze(copyPlain(metadata)) }),
    ...(memory && { data: memory }),
    ...(before && { resumed: true }),
    ...(forkOf && { forkOf }),
  };
}

export function stepSkip({ reason, detail }: Skip, run: Pick<View, 'at'>): Change {
  const { source } = detail;
  const placed = source === undefined ? detail : { ...detail, source: run.at(source) };
  return { type: 'STEP_SKIP', reason, detail: freeze(placed) };
}

export function stepOutput(
  node: PlanNode,
  input: unknown,
  outcome: Outcome,
  attempts: number,
  t0: number,
  t1: number,
): Change {
  const value = successOf(outcome);
  const adds = outcome.status === 'success' ? outcome.adds : undefined;
  const usage = value === undefined ? undefined : usageOf(node.step, value);
  // Field by field: to spread what may be absent takes as long as a step.
  const change = { type: 'STEP_OUTPUT', input } as Mutable<StepOutput>;
  if (value !== undefined) change.output = value;
  if (outcome.status === 'failure') change.error = freeze(errorJson(outcome.error));
  change.t0 = t0;
  change.t1 = t1;
  change.attempts = attempts;
  if (usage) change.usage = usage;
  if (adds) change.adds = adds;
  return change;
}

type StepOutput = Extract<Change, { type: 'STEP_OUTPUT' }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a result says of its usage. Where that cannot be read there is none: a count must not undo the work. */
export function usageOf({ usage }: Step, result: unknown): Usage | undefined {
  try {
    return freeze(usage?.(result as never));
  } catch {
    return undefined;
  }
}

/** Params as they are told: a stream is no data, and so its place says only that there was one. */
export const toldInput = (params: unknown): unknown =>
  isRecord(params) && holdsStream(params) ? withoutStreams(params) : params;

const withoutStreams = oncePer((params: object): object => {
  const told: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params))
    put(told, name, isStream(value) ? '(stream)' : value);
  return Object.freeze(told);
});

function holdsStream(values: object): boolean {
  for (const name in values)
    if (isStream((values as Readonly<Record<string, unknown>>)[name])) return true;
  return false;
}

const isStream = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !isPlain(value) &&
  typeof (value as { subscribe?: unknown }).subscribe === 'function';

/** The shared memory as a run leaves it, where the flow has any. */
export function memoryAfter(
  plan: Plan,
  run: View,
): { readonly data?: Readonly<Record<string, unknown>> } {
  const added = additionsOf(run);
  if (plan.writes.length === 0 && added.size === 0 && Object.keys(run.memory).length === 0)
    return {};
  const data: Record<string, unknown> = { ...run.memory };
  for (const [name, items] of added) put(data, name, extended(own(data, name), items, run.runId));
  for (const param of plan.writes) {
    const { name } = param;
    const value = paramOf(param, run);
    if (value !== undefined) put(data, name, value);
  }
  return { data: Object.freeze(data) };
}

export const cancelledError = (flow: string, reason: unknown): FlowError =>
  new FlowError(
    'cancelled',
    `The run of "${flow}" was cancelled${reason === undefined ? '' : `: ${messageOf(reason)}`}`,
    reason === undefined ? {} : { cause: reason },
  );

/** The error of a saver, or a gate, that has failed. */
export const saverFailed = (what: string, cause: unknown, then = ''): FlowError =>
  FlowError.is(cause)
    ? cause
    : new FlowError('saver-failed', `The ${what}: ${messageOf(cause)}${then}`, { cause });
