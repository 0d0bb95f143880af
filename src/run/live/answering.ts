/** How a node answers a version, or gives it up, and how others learn of it. */
import { FlowError } from '../../errors.ts';
import { failure, type Outcome } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import { toldInput } from '../changes.ts';
import { StepWork } from '../work.ts';
import { abandonReaders, ridersFirst } from './abandoned.ts';
import type { LiveState } from './live-state.ts';
import { arrive, keepAnswer, keepStart, passOn, refuseStart } from './passing-on.ts';
import { isSame } from './same.ts';
import type { Seat, Ticket, Version } from './seat.ts';
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
  if (!ticket.started) {
    refuseStart(state, seat, version, outcome);
    if (seat.chunks) seat.chunks.length = 0;
  }
  if (isNew || seat.isUnknown) keepAnswer(state, seat, version.number, outcome);
  if (isNew && isRoot) version.hasNewOutput = outcome.status === 'success';
  // Who reads its params or chunks may read new ones, whatever came of them.
  const { isWatched } = node.kind === 'close' ? state.seat(node.scope.open) : seat;
  passOn(state, seat, ticket, outcome, isNew || (isWatched && ticket.started));
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
  if (seat.tickets[0] === ticket) return;
  for (const older of ridersFirst(seat.tickets.slice(0, seat.tickets.indexOf(ticket))))
    supersede(state, seat, older);
}

/** A version is given up: what is at work on it stops, and so does what reads its chunks; unless another version rides along. */
export function supersede(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { node } = seat;
  const { version, work, started, rides } = ticket;
  const next = seat.tickets[seat.tickets.indexOf(ticket) + 1];
  const heir = !rides && next?.rides ? next : undefined;
  seat.remove(ticket);
  tellSuperseded(state, seat, ticket);
  keepAnswer(state, seat, version.number, undefined);
  if (heir) inherit(state, seat, ticket, heir);
  // What it was before cannot be brought back: others have seen it start anew.
  else if (started && !rides && (seat.keepsStarts || seat.chunks)) seat.params = undefined;
  if (!heir && isRead(state, seat, ticket)) {
    const end = goesOnAt(state, seat, version);
    state.ready.push(() => abandonReaders(state, node, version.number, end, supersede));
  }
  passOn(state, seat, ticket, undefined, true);
  if (seat.tickets.length > 0) state.ready.push(node);
  // Last: it may call code of users.
  if (!heir) work?.stop();
}

/** Work goes on for a version that rode along. */
function inherit(state: LiveState, seat: Seat, ticket: Ticket, heir: Ticket): void {
  ticket.heir = heir;
  heir.rides = false;
  heir.work = ticket.work;
  heir.input = ticket.input;
  heir.below = ticket.below;
  heir.startedAt = ticket.startedAt;
  heir.attempts = ticket.attempts;
  heir.endedAt = ticket.endedAt;
  heir.result = ticket.result;
  if (!heir.started || !state.listening) return;
  const { version, params, work } = heir;
  const input = work instanceof StepWork ? work.params : params;
  state.tell(seat.node, { type: 'STEP_START', input: toldInput(input) }, version);
}

/** The version from which on a flow that is given up goes on with the stream that it had begun. A step never does. */
function goesOnAt(state: LiveState, { node, tickets }: Seat, { number }: Version): number {
  if (node.kind !== 'close') return Number.POSITIVE_INFINITY;
  const opening = state.seat(node.scope.open);
  const [stream] = state.streams.of(node.index, number);
  const next = tickets.find(
    ({ version }) =>
      version.number > number &&
      !opening.ticket(version) &&
      state.streams.of(node.index, version.number)[0] === stream,
  );
  return next?.version.number ?? Number.POSITIVE_INFINITY;
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
