/** What a live run tells of its nodes and versions. */
import { errorJson } from '../../errors.ts';
import type { Change } from '../../state/event.ts';
import type { Outcome, SkipDetail } from '../../state/outcome.ts';
import { cancelledError, memoryAfter, stepOutput, stepSkip, toldInput } from '../changes.ts';
import type { LiveState } from './live-state.ts';
import { viewAt } from './past.ts';
import type { Seat, Ticket, Version } from './seat.ts';

export const newer: SkipDetail = { message: 'a newer version of the input came' };
export const unknown: SkipDetail = { message: 'what it reads was given up with an older version' };
const cutShort = { message: 'the step around it has ended' };

const superseded = (detail: SkipDetail): Change => ({
  type: 'STEP_SKIP',
  reason: 'superseded',
  detail,
});

/** Tells the answer of a node, perhaps again: what was told since has been given up. */
export function tellEnd(
  state: LiveState,
  seat: Seat,
  outcome: Outcome,
  version: Pick<Version, 'number'>,
  isAgain: boolean,
): void {
  seat.givenUp = undefined;
  if (!state.listening) return;
  const { node, params, attempts, t0, t1, input = params } = seat;
  if (node.kind === 'open' || node.index === state.plan.root.close) return;
  if (outcome.status === 'skipped') state.tell(node, stepSkip(outcome.skip, state), version);
  else {
    const now = t1 ?? state.clock.now();
    const change = stepOutput(node, toldInput(input), outcome, attempts, t0 ?? now, now);
    state.tell(node, change, version, isAgain);
  }
}

/** Tells that work on a version is given up, where it was told that it had started. */
export function tellSuperseded(
  state: LiveState,
  seat: Seat,
  ticket: Ticket,
  why: SkipDetail,
): void {
  const { node } = seat;
  const { version, started } = ticket;
  if (!started) return;
  tellBelow(state, ticket);
  if (node.kind !== 'open') {
    tellSkipped(state, seat, version, why);
    return;
  }
  // It is told once, not at its end again.
  const end = state.seat(node.scope.close);
  const ending = end.ticket(version);
  if (ending) ending.started = false;
  tellSkipped(state, end, version, why);
}

/** Until it has its answer again. */
export function tellSkipped(
  state: LiveState,
  seat: Seat,
  version: Pick<Version, 'number'>,
  why: SkipDetail,
): void {
  seat.givenUp = why;
  state.tell(seat.node, superseded(why), version);
}

/** A step has ended, and what was still at work below it with it. */
export function tellBelow(state: LiveState, { below, version }: Ticket): void {
  for (const [path, id] of below ?? []) {
    state.tellOf(path, id, superseded(cutShort), version.number);
  }
}

/** Tells the end of a version. Without an outcome it was superseded. */
export function tellVersion(
  state: LiveState,
  version: Pick<Version, 'number' | 'lost'>,
  outcome: Outcome | undefined,
): void {
  if (!state.listening) return;
  const { root, plan, tale } = state;
  if (!outcome) {
    const reason = errorJson(cancelledError(plan.definition.id, version.lost));
    const current = state.open.at(-1)?.number;
    state.tell(root, { type: 'FLOW_CANCEL', reason, ...(current && { current }) }, version);
    return;
  }
  // To ask every step what it has added takes as long as there are steps.
  const memory =
    state.hasAdded || plan.writes.length > 0 ? memoryAfter(plan, viewAt(state, version)) : {};
  if (outcome.status === 'success') {
    const { usage } = tale;
    const output = { output: outcome.value, ...(usage && { usage }), ...memory };
    state.tell(root, { type: 'FLOW_OUTPUT', ...output }, version);
  } else if (outcome.status === 'failure')
    state.tell(root, { type: 'FLOW_ERROR', error: errorJson(outcome.error), ...memory }, version);
}
