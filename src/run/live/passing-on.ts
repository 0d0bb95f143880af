/** How an answer travels: to the nodes that wait for it, and to the end of its version. */
import type { Outcome } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import { lastUpTo, removeAt } from './by-version.ts';
import type { LiveState } from './live-state.ts';
import { type Seat, type Start, streamOf, type Ticket, type Version } from './seat.ts';
import { tellVersion } from './told.ts';

/** One source of a node has answered, or has started where its chunks are read. */
export function arrive(
  state: LiveState,
  target: number,
  version: Version,
  changed: boolean,
  isLost: boolean,
): void {
  const seat = state.seat(target);
  const ticket = seat.ticket(version);
  if (!ticket) return;
  ticket.missing--;
  if (changed) ticket.changed = true;
  if (isLost) ticket.isLost = true;
  if (ticket.missing > 0) return;
  if (ticket.isLost) seat.lost.push(ticket);
  state.ready.push(seat.node);
}

/** What a node answers from a version on; undefined where that is unknown. */
export function keepAnswer(
  state: LiveState,
  seat: Seat,
  version: number,
  outcome: Outcome | undefined,
): void {
  const { answers, node } = seat;
  const wasUnknown = seat.isUnknown;
  const before = state.outcomes[node.index];
  // Older versions may go on to ask for that.
  if (before && !answers.last) answers.set(0, before, state.oldest);
  answers.set(version, outcome, state.oldest);
  state.unknowns += Number(seat.isUnknown) - Number(wasUnknown);
  if (outcome) state.keepOutcome(node.index, outcome);
}

/** What the params of a node are from a version on; undefined where it does not run. */
export function keepStart(
  state: LiveState,
  seat: Seat,
  { number }: Version,
  start: Start | undefined,
): void {
  seat.starts.set(number, start, state.oldest);
  // Not always this one: a version that does not run says so when its turn to answer has come, after newer ones have begun.
  state.inputs[seat.node.index] = seat.starts.last?.value?.input;
}

/** A node does not run: whoever reads its params or chunks at this version finds none. */
export function refuseStart(
  state: LiveState,
  seat: Seat,
  version: Version,
  outcome: Outcome,
): void {
  const { node } = seat;
  if (!seat.keepsStarts) return;
  keepStart(state, seat, version, undefined);
  if (state.plan.channels.length === 0) return;
  const { streams, oldest } = state;
  streams.start(streamOf(node), version.number, oldest, outcome.status !== 'skipped');
}

/** Passes an answer on; without an outcome, the word that there will be none. */
export function passOn(
  state: LiveState,
  seat: Seat,
  ticket: Ticket,
  outcome: Outcome | undefined,
  changed: boolean,
): void {
  const { node } = seat;
  const { version } = ticket;
  const isLost = outcome === undefined;
  if (outcome && node.kind !== 'open' && state.plan.channels.length > 0)
    state.streams.end(node.index, outcome, version.number);
  const waiting = startedLate(state, seat, ticket);
  if (waiting)
    for (const target of waiting.startTargets) arrive(state, target, version, changed, isLost);
  const { sources } = state.reach;
  for (const target of node.targets) {
    const reads = isLost && (sources[target] as readonly number[]).includes(node.index);
    arrive(state, target, version, changed, reads);
  }
  version.left--;
  if (version.left === 0) endVersion(state, version);
}

/** The node for whose start others still wait. Of a step that never started its end is the start; a flow that did not begin ends at its `close`. */
function startedLate(
  state: LiveState,
  { node, starts }: Seat,
  { version, started }: Ticket,
): PlanNode | undefined {
  if (node.kind === 'close') {
    const { node: open, starts } = state.seat(node.scope.open);
    return open.startTargets.length > 0 && isRefused(starts, version) ? open : undefined;
  }
  if (started || node.startTargets.length === 0) return undefined;
  return node.kind === 'open' && isRefused(starts, version) ? undefined : node;
}

function isRefused(starts: Seat['starts'], { number }: Version): boolean {
  const at = starts.at(number);
  return at?.number === number && at.value === undefined;
}

function endVersion(state: LiveState, version: Version): void {
  const { open } = state;
  removeAt(open, lastUpTo(open, version.number));
  const outcome = state.outcomeAt(state.plan.root.close, version.number);
  state.lost = outcome ? undefined : version.lost;
  state.ended = version.number;
  tellVersion(state, version, outcome);
  if (version.hasNewOutput && outcome?.status === 'success' && !state.isStopped)
    state.listener.output(outcome.value);
}
