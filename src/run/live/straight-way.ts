/** The shortest way for a version, that of straight nodes: what comes of them is what would come of them on any other way. */
import { freeze } from '../../plain.ts';
import { failure, type Outcome, success } from '../../state/outcome.ts';
import { isResult } from '../../wire/consume.ts';
import { Call } from '../../wire/context.ts';
import { placedError } from '../../wire/placed-error.ts';
import type { PlanNode, PlanParam } from '../../wire/plan.ts';
import type { Handler } from '../../wire/step.ts';
import type { LiveState } from './live-state.ts';
import { sameParams } from './same.ts';
import type { Seat, Values, Version } from './seat.ts';
import type { Straight } from './straight.ts';

/** A node that has nothing new to say, or has said it already. */
export const settled = Symbol('settled');
/** A node that may take its time. */
export const slow = Symbol('slow');
export type Found = Outcome | typeof settled | typeof slow;

/** Settles a node; or gives back what came of it, where others have to see to that. Undefined where there is something to decide. */
export function answerStraight(
  state: LiveState,
  version: Version,
  seat: Seat,
  { params, differs }: Straight,
): Found | undefined {
  const { node } = seat;
  const now = paramsOf(state, params);
  if (!now) return undefined;
  const isNew = differs && state.marks[node.index] === 1;
  if (node.kind === 'close') return end(state, version, seat, now, isNew);
  if (!isNew && seat.params && sameParams(node, seat.params, now)) return settled;
  const call = seat.call && !seat.call.hasSignal ? seat.call : new Call(state, node, 1);
  seat.call = call;
  let returned: unknown;
  // As `called` has it, but in place: a call takes as long as a short step.
  try {
    returned = (node.step.handler as Handler<unknown>)(now, call);
    if (!isResult(returned)) {
      seat.call = undefined;
      version.pending = { call, params: now, given: now, returned };
      return slow;
    }
    freeze(returned);
  } catch (error) {
    return failed(seat, call, now, now, error);
  }
  seat.note(now, now, 1);
  const before = state.outcomes[node.index] as Before;
  if (!before || before.adds || !Object.is(before.value, returned))
    answer(state, version, seat, success(returned));
  return settled;
}

/** What the node has answered last, where all have succeeded. */
type Before = (Outcome & { readonly status: 'success' }) | undefined;

/** Calls a plain handler. `given`: the params as their schema gives them. */
export function called(
  state: LiveState,
  version: Version,
  seat: Seat,
  params: Values,
  given: unknown,
): Outcome | typeof slow {
  const { node } = seat;
  const call = new Call(state, node, 1);
  let outcome: Outcome;
  try {
    const returned = (node.step.handler as Handler<unknown>)(given, call);
    if (!isResult(returned)) {
      version.pending = { call, params, given, returned };
      return slow;
    }
    const before = state.outcomes[node.index];
    const isSame =
      before?.status === 'success' && !before.adds && Object.is(before.value, returned);
    outcome = isSame ? before : success(freeze(returned));
  } catch (error) {
    return failed(seat, call, params, given, error);
  }
  seat.note(params, given, 1);
  return outcome;
}

function failed(seat: Seat, call: Call, params: Values, given: unknown, error: unknown): Outcome {
  call.abort();
  seat.note(params, given, 1);
  return failure(placedError(error, seat.node.path, 1));
}

function end(
  state: LiveState,
  version: Version,
  seat: Seat,
  output: Values,
  isNew: boolean,
): Found {
  const { node } = seat;
  const before = state.outcomes[node.index] as Before;
  seat.note(undefined, successAt(state.outcomes, node.scope.open), 1);
  if (!isNew && before && sameParams(node, before.value as Values, output)) return settled;
  answer(state, version, seat, success(output));
  return settled;
}

function paramsOf({ outcomes }: LiveState, params: readonly PlanParam[]): Values | undefined {
  const values: Record<string, unknown> = {};
  for (let i = 0; i < params.length; i++) {
    const { name, source, property } = params[i] as PlanParam;
    const result = successAt(outcomes, source);
    const value = property === undefined ? result : (result as Values)[property];
    if (value === undefined) return undefined;
    values[name] = value;
  }
  return Object.freeze(values);
}

const successAt = (outcomes: readonly (Outcome | undefined)[], index: number): unknown =>
  (outcomes[index] as { readonly value: unknown }).value;

/** A node has a new answer. */
export function answer(state: LiveState, version: Version, seat: Seat, outcome: Outcome): void {
  const { node } = seat;
  seat.answers.clear();
  seat.answeredAt = version.number;
  state.outcomes[node.index] = outcome;
  if (node.index === state.plan.root.close) version.hasNewOutput = outcome.status === 'success';
  markTargets(state, node);
}

export function markTargets({ marks }: LiveState, { targets }: PlanNode): void {
  for (let i = 0; i < targets.length; i++) marks[targets[i] as number] = 1;
}
