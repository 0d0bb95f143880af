/** How a node answers a version, or gives it up, and how others learn of it. */
import { FlowError } from '../../errors.ts';
import { failure, type Outcome } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import { abandonReaders } from './abandoned.ts';
import type { LiveState } from './live-state.ts';
import { arrive, keepAnswer, keepStart, passOn, refuseStart } from './passing-on.ts';
import { isSame } from './same.ts';
import type { Seat, Ticket } from './seat.ts';
import { tellEnd, tellSuperseded } from './told.ts';
import { outruns } from './turn.ts';

/** A node has its outcome for a version. It may have to wait until older versions have theirs. */
export function conclude(state: LiveState, seat: Seat, ticket: Ticket, outcome: Outcome): void {
  ticket.begun = true;
  ticket.result = outcome;
  if (outruns(seat.node)) supersedeOlder(state, seat, ticket);
  const { tickets } = seat;
  for (let next = tickets[0]; next && (next.result || next.rides); next = tickets[0]) {
    if (next.result) decide(state, seat, next, next.result);
    else same(state, seat, next);
  }
  if (tickets.length > 0) state.ready.push(seat.node);
}

/** The answer to a version is the one before. */
export function same(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { number } = ticket.version;
  const outcome = seat.outcome as Outcome;
  seat.remove(ticket);
  if (seat.isTellDue) tellEnd(state, seat, ticket.version, true);
  if (seat.isUnknown) {
    keepAnswer(state, seat, number, outcome);
    if (seat.keepsStarts) keepStart(state, seat, ticket.version, seat.starts.at(number)?.value);
  }
  if (seat.chunks && seat.chunks.length > 0 && !ticket.rides)
    state.streams.repeat(seat.node, seat.chunks, number);
  passOn(state, seat, ticket, outcome, false);
}

/** The answer to a version. It travels on as a change, or as the word that nothing has changed. */
function decide(state: LiveState, seat: Seat, ticket: Ticket, found: Outcome): void {
  const { node } = seat;
  const { version } = ticket;
  const { outcome, isNew } = compared(node, seat.outcome, found);
  const opened =
    node.kind === 'close' ? state.seat(node.scope.open).starts.at(version.number) : undefined;
  seat.remove(ticket);
  seat.outcome = outcome;
  seat.params = ticket.params;
  seat.input = ticket.input;
  seat.attempts = ticket.attempts;
  seat.t1 = ticket.endedAt;
  seat.t0 = (opened ? opened.value?.at : ticket.startedAt) ?? ticket.endedAt;
  const isRoot = node.index === state.plan.root.close;
  if (node.kind !== 'open' && !isRoot) tellEnd(state, seat, version, false);
  if (!ticket.started) refuseStart(state, seat, version, outcome);
  if (isNew || seat.isUnknown) keepAnswer(state, seat, version.number, outcome);
  if (isNew && isRoot) version.hasNewOutput = outcome.status === 'success';
  // Who reads its params may read new ones, whatever came of them.
  const started = node.kind === 'close' ? (state.plan.nodes[node.scope.open] as PlanNode) : node;
  passOn(state, seat, ticket, outcome, isNew || started.keepsInput);
}

function compared(
  node: PlanNode,
  before: Outcome | undefined,
  now: Outcome,
): { readonly outcome: Outcome; readonly isNew: boolean } {
  try {
    if (before && isSame(node, before, now)) return { outcome: before, isNew: false };
    return { outcome: now, isNew: true };
  } catch (cause) {
    const message = `The option "equals" of step "${node.path}" threw: ${String((cause as Error | null)?.message ?? cause)}. It must answer true or false for every two results.`;
    const error = new FlowError('step-failed', message, { path: node.path, cause });
    return { outcome: failure(error), isNew: true };
  }
}

export function supersedeOlder(state: LiveState, seat: Seat, ticket: Ticket): void {
  for (let older = seat.tickets[0]; older && older !== ticket; older = seat.tickets[0])
    supersede(state, seat, older);
}

/** A version is given up: what is at work on it stops, and so does what reads its chunks. */
export function supersede(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { node } = seat;
  const { version, work, started, rides } = ticket;
  seat.remove(ticket);
  tellSuperseded(state, seat, ticket);
  keepAnswer(state, seat, version.number, undefined);
  // What it was before cannot be brought back: others have seen it start anew.
  if (started && !rides && (seat.keepsStarts || seat.chunks)) seat.params = undefined;
  if (isRead(state, seat, ticket))
    state.ready.push(() => abandonReaders(state, node, version.number, supersede));
  passOn(state, seat, ticket, undefined, true);
  if (seat.tickets.length > 0) state.ready.push(node);
  // Last: it may call code of users.
  work?.stop();
}

/** Whether others may read a stream that ends with the ticket. */
const isRead = (state: LiveState, { node }: Seat, { started, rides }: Ticket): boolean =>
  node.kind === 'close'
    ? state.seat(node.scope.open).node.startTargets.length > 0
    : started && !rides && node.startTargets.length > 0;

/** Rides along with what is at work already. Its readers need not wait: they read that. */
export function ride(state: LiveState, seat: Seat, ticket: Ticket, work: Ticket): void {
  const { node } = seat;
  ticket.begun = true;
  ticket.rides = true;
  ticket.params = work.params;
  if (!work.started) return;
  startRiding(state, seat, ticket);
  if (seat.chunks && seat.chunks.length > 0)
    state.streams.repeat(node, seat.chunks, ticket.version.number);
}

function startRiding(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { version } = ticket;
  ticket.started = true;
  if (!seat.keepsStarts) return;
  // At this version, too: one between may have been given up.
  keepStart(state, seat, version, seat.starts.at(version.number)?.value);
  for (const target of seat.node.startTargets) arrive(state, target, version, false, false);
}

/** The versions that ride along with work that has just begun. */
export function startRiders(state: LiveState, seat: Seat, ticket: Ticket): void {
  for (let i = seat.tickets.indexOf(ticket) + 1; seat.tickets[i]?.rides; i++)
    startRiding(state, seat, seat.tickets[i] as Ticket);
}
