/** How a node answers a version, or gives it up, and how others learn of it. */
import type { Outcome, SkipDetail } from '../../state/outcome.ts';
import { abandonReaders } from './abandoned.ts';
import type { LiveState } from './live-state.ts';
import { arrive, keepAnswer, keepStart, passOn, refuseStart } from './passing-on.ts';
import { kept } from './same.ts';
import { type Seat, streamOf, type Ticket } from './seat.ts';
import { newer, tellEnd, tellSuperseded, unknown } from './told.ts';
import { outruns } from './turn.ts';

const none: readonly unknown[] = [];

/** A node has its outcome for a version. It may have to wait until older versions have theirs. */
export function conclude(state: LiveState, seat: Seat, ticket: Ticket, outcome: Outcome): void {
  seat.end(ticket, outcome);
  if (outruns(seat.node)) supersedeOlder(state, seat, ticket);
  answerAll(state, seat);
  if (seat.tickets.length > 0) state.ready.push(seat.node);
}

/** The answer to a version, which is the oldest, is the one before. */
export function repeatAnswer(state: LiveState, seat: Seat, ticket: Ticket): void {
  same(state, seat, ticket);
  answerAll(state, seat);
}

/** Answers the oldest versions, as far as it is known with what. */
export function answerAll(state: LiveState, seat: Seat): void {
  const { tickets } = seat;
  for (let next = tickets[0]; next && (next.result || next.leader); next = tickets[0]) {
    if (next.result) decide(state, seat, next, next.result);
    else same(state, seat, next);
  }
}

function same(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { number } = ticket.version;
  const outcome = state.outcomes[seat.node.index] as Outcome;
  const wasUnknown = isUnknownAt(seat, number);
  seat.remove(ticket);
  if (seat.givenUp) tellEnd(state, seat, outcome, ticket.version, true);
  if (wasUnknown) {
    keepAnswer(state, seat, number, outcome);
    if (seat.keepsStarts) keepStart(state, seat, ticket.version, seat.starts.at(number)?.value);
  }
  // Where the work that it follows has started, it was told them as they came.
  if (!ticket.started) state.streams.repeat(seat.node, seat.chunks, number);
  passOn(state, seat, ticket, outcome, wasUnknown);
}

/** The answer to a version. It travels on as a change, or as the word that nothing has changed. */
function decide(state: LiveState, seat: Seat, ticket: Ticket, found: Outcome): void {
  const { node } = seat;
  const { version } = ticket;
  const before = state.outcomes[node.index];
  const outcome = kept(node, before, found);
  const isNew = outcome !== before;
  const opened =
    node.kind === 'close' ? state.seat(node.scope.open).starts.at(version.number) : undefined;
  seat.remove(ticket);
  if (isNew) seat.answeredAt = version.number;
  seat.params = ticket.params;
  seat.input = ticket.input;
  seat.attempts = ticket.attempts;
  seat.t1 = ticket.endedAt;
  seat.t0 = (opened ? opened.value?.at : ticket.startedAt) ?? ticket.endedAt;
  seat.chunks = ticket.chunks ?? none;
  const wasUnknown = isUnknownAt(seat, version.number);
  const isRoot = node.index === state.plan.root.close;
  // A flow that has not begun anew, and is what it was, has nothing to tell.
  const isTold = node.kind === 'step' || isNew || ticket.started || seat.givenUp;
  if (isTold && node.kind !== 'open' && !isRoot) tellEnd(state, seat, outcome, version, false);
  if (!ticket.started) refuseStart(state, seat, version, outcome);
  if (isNew || wasUnknown) keepAnswer(state, seat, version.number, outcome);
  if (isNew && isRoot) version.hasNewOutput = outcome.status === 'success';
  // Who reads its params or chunks may read new ones, whatever came of them.
  const { isWatched } = node.kind === 'close' ? state.seat(node.scope.open) : seat;
  passOn(state, seat, ticket, outcome, isNew || wasUnknown || (isWatched && ticket.started));
}

/** Whether the version before has no answer here. */
function isUnknownAt({ answers }: Seat, version: number): boolean {
  const before = answers.at(version);
  return before !== undefined && before.value === undefined;
}

export function supersedeOlder(state: LiveState, seat: Seat, { version }: Ticket): void {
  const { tickets } = seat;
  // By number: what stops may let a newer version come to its end, which supersedes this one.
  for (let [oldest] = tickets; oldest && oldest.version.number < version.number; [oldest] = tickets)
    supersede(state, seat, oldest, newer);
}

/**
 * A version is given up: what is at work on it stops, and so does what reads its chunks; and the versions that follow it go with it.
 * Without a reason of its own it is given up because others have given it up.
 */
export function supersede(state: LiveState, seat: Seat, ticket: Ticket, reason?: SkipDetail): void {
  const { node } = seat;
  const { version, work, started } = ticket;
  // What stopped just before may have brought about its end.
  if (ticket.isGone) return;
  const followers = seat.followersOf(ticket);
  const why = reason ?? version.lost ?? unknown;
  tellSuperseded(state, seat, ticket, why);
  // What it was before cannot be brought back: others have seen it start anew.
  if (started && seat.keepsStarts) seat.params = undefined;
  for (const each of [ticket, ...followers]) {
    each.version.lost ??= why;
    seat.remove(each);
    keepAnswer(state, seat, each.version.number, undefined);
  }
  if (isRead(state, seat, ticket)) {
    const streams = state.streams.of(streamOf(node), version.number);
    state.ready.push(() => abandonReaders(state, node, streams, supersede));
  }
  for (const each of [ticket, ...followers]) passOn(state, seat, each, undefined, true);
  if (seat.tickets.length > 0) state.ready.push(node);
  // Last: it may call code of users.
  work?.stop();
}

/** Whether others may read a stream that ends with the ticket. */
function isRead(state: LiveState, { node }: Seat, { started, version }: Ticket): boolean {
  if (node.kind !== 'close') return started && node.startTargets.length > 0;
  const { node: open, answers, starts } = state.seat(node.scope.open);
  if (open.startTargets.length === 0) return false;
  // It may have been given up before it began: then the stream is that of an older version.
  const answer = answers.at(version.number);
  return answer?.value !== undefined || answer?.number === starts.at(version.number)?.number;
}

/** Shares the fate of the version before. Its readers need not wait: they read what that brings. */
export function follow(state: LiveState, seat: Seat, ticket: Ticket, before: Ticket): void {
  const leader = before.leader ?? before;
  seat.follow(ticket, leader);
  ticket.params = leader.params;
  if (!leader.started) return;
  startFollower(state, seat, ticket);
  state.streams.repeat(seat.node, leader.chunks ?? none, ticket.version.number);
}

function startFollower(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { node, keepsStarts, answers, starts } = seat;
  const { number } = ticket.version;
  ticket.started = true;
  if (!keepsStarts) return;
  const start = starts.at(number);
  // A version between was given up: from here on others can read what is under way again.
  if (start && (answers.at(number)?.number ?? 0) > start.number)
    keepStart(state, seat, ticket.version, start.value);
  for (const target of node.startTargets) arrive(state, target, ticket.version, false, false);
}

/** The versions that follow one that has just begun. */
export function startFollowers(state: LiveState, seat: Seat, ticket: Ticket): void {
  for (const follower of seat.followersOf(ticket)) startFollower(state, seat, follower);
}
