/** What has become of each step so far, told to somebody who begins to hear while the flow is under way. */
import { errorJson } from '../../errors.ts';
import { stepOutput, stepSkip, toldInput } from '../changes.ts';
import type { LiveState } from './live-state.ts';
import type { Seat } from './seat.ts';

export function retell(state: LiveState): void {
  const { newest, root, plan } = state;
  if (newest === 0) return;
  const input = state.refused ? state.refused.input : Object.freeze(state.input);
  state.tellOf('', root.id, { type: 'FLOW_START', flow: plan.definition.id, input }, newest);
  for (const seat of state.seats) {
    if (seat.node.kind !== 'open' && seat.node.index !== plan.root.close) retellStep(state, seat);
  }
  retellEnd(state);
}

function retellStep(state: LiveState, seat: Seat): void {
  const { node, params, attempts, t0, t1, tickets, answeredAt, input = params } = seat;
  const outcome = state.outcomes[node.index];
  const now = state.clock.now();
  if (outcome?.status === 'skipped')
    state.tellOf(node.path, node.id, stepSkip(outcome.skip, state.at), answeredAt);
  else if (outcome) {
    const change = stepOutput(node, toldInput(input), outcome, attempts, t0 ?? now, t1 ?? now);
    state.tellOf(node.path, node.id, change, answeredAt);
  }
  const begun = tickets.find(({ started, follows }) => started && !follows);
  if (!begun) return;
  const { number } = begun.version;
  const isFlow = node.kind === 'close';
  const start = isFlow ? state.seat(node.scope.open).starts.at(number)?.value : undefined;
  state.tellOf(
    node.path,
    node.id,
    { type: 'STEP_START', input: toldInput(isFlow ? start?.input : begun.params) },
    number,
  );
}

/** The last version that has been answered; a newer one may be under way. */
function retellEnd(state: LiveState): void {
  const { root, open, newest, refused, plan } = state;
  const { close } = plan.root;
  const { answers, answeredAt } = state.seat(close);
  const last = answers.last ? answers.last.value : state.outcomes[close];
  const version = open.length > 0 || refused ? (answers.last?.version ?? answeredAt) : newest;
  if (last?.status === 'success')
    state.tellOf('', root.id, { type: 'FLOW_OUTPUT', output: last.value }, version);
  else if (last?.status === 'failure') {
    const error = errorJson(last.error);
    state.tellOf('', root.id, { type: 'FLOW_ERROR', error }, version);
  }
  if (refused)
    state.tellOf('', root.id, { type: 'FLOW_ERROR', error: errorJson(refused.error) }, newest);
}
