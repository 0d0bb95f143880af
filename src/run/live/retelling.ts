/** What has become of each step so far, told to somebody who begins to hear while the flow is under way. */
import { errorJson } from '../../errors.ts';
import { toldInput } from '../changes.ts';
import type { LiveState } from './live-state.ts';
import type { Seat } from './seat.ts';
import { tellEnd, tellSkipped, tellVersion } from './told.ts';

export function retell(state: LiveState): void {
  const { newest, root, plan, refused, open, ended } = state;
  if (newest === 0) return;
  // Not one that was dropped while a step was at work on an older one.
  const last = state.seat(plan.root.close).isUnknown ? ended : newest;
  const number = refused ? newest : (open.at(-1)?.number ?? last);
  const input = refused ? refused.input : Object.freeze(state.input);
  const start = { type: 'FLOW_START', flow: plan.definition.id, input } as const;
  state.tell(root, start, { number });
  for (const seat of state.seats) {
    if (seat.node.kind !== 'open' && seat.node.index !== plan.root.close) retellStep(state, seat);
  }
  for (const questions of state.questions.open.values()) questions.at(-1)?.tell();
  retellEnd(state, number);
  tellCancelled(state);
}

/** Why it was stopped, if anything was at work then. */
export function tellCancelled({ root, tale, cancelled: reason }: LiveState): void {
  if (reason) tale.tell(root.path, root.id, { type: 'FLOW_CANCEL', reason }, undefined);
}

function retellStep(state: LiveState, seat: Seat): void {
  const { node, tickets, answeredAt, givenUp } = seat;
  const outcome = state.outcomes[node.index];
  if (outcome) tellEnd(state, seat, outcome, { number: answeredAt }, false);
  if (givenUp) tellSkipped(state, seat, { number: state.newest }, givenUp);
  // What has begun below it was told to others.
  for (const ticket of tickets) ticket.below = undefined;
  // Of several the one that was told last.
  const begun = tickets.findLast(({ started, leader }) => started && !leader);
  if (!begun) return;
  const { version, params } = begun;
  const isFlow = node.kind === 'close';
  const start = isFlow ? state.seat(node.scope.open).starts.at(version.number)?.value : undefined;
  const input = toldInput(isFlow ? start?.input : params);
  state.tell(node, { type: 'STEP_START', input }, version);
}

/** The last version that has been answered; a newer one may be under way. */
function retellEnd(state: LiveState, kept: number): void {
  const { root, open, newest, refused, plan, lost } = state;
  const { close } = plan.root;
  const { answers, answeredAt } = state.seat(close);
  const at = answers.last?.value ? answers.last.number : answeredAt;
  const number = open.length > 0 || refused ? at : kept;
  const last = lost ? undefined : state.outcomes[close];
  if (last || lost) tellVersion(state, { number, lost }, last);
  if (!refused) return;
  const error = errorJson(refused.error);
  state.tell(root, { type: 'FLOW_ERROR', error }, { number: newest });
}
