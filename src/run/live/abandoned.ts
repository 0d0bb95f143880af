/** What becomes of those who read the chunks of a step when its work is given up: they read a stream that will not end. */
import { isPlain } from '../../plain.ts';
import { type PlanNode, successOf } from '../../wire/plan.ts';
import type { LiveState } from './live-state.ts';
import type { Seat, Ticket } from './seat.ts';

export type Supersede = (state: LiveState, seat: Seat, ticket: Ticket) => void;
type Streams = ReadonlySet<unknown>;

/** Gives up what was begun with the streams that a node had started. */
export function abandonReaders(
  state: LiveState,
  node: PlanNode,
  streams: readonly unknown[],
  supersede: Supersede,
): void {
  const dead = new Set(streams);
  dead.delete(undefined);
  const started = node.kind === 'close' ? state.seat(node.scope.open).node : node;
  for (const target of started.startTargets) {
    const reader = state.seat(target);
    abandon(state, reader, dead, supersede);
    if (reader.node.kind === 'open') abandonFlow(state, reader.node, dead, supersede);
  }
}

/** A flow that has begun with the stream: nobody in it may go on with that. */
function abandonFlow(
  state: LiveState,
  { index, scope }: PlanNode,
  dead: Streams,
  supersede: Supersede,
): void {
  for (let i = index; i < scope.close; i++) {
    const seat = state.seat(i);
    if (seat.node.kind === 'open') forgetOpening(state, seat, dead);
    abandon(state, seat, dead, supersede);
    // It may have waited for its turn, which will never come.
    if (seat.tickets.length > 0) state.ready.push(seat.node);
  }
}

function forgetOpening(state: LiveState, seat: Seat, dead: Streams): void {
  const wasUnknown = seat.isUnknown;
  seat.answers.forget((outcome) => holds(successOf(outcome), dead));
  state.unknowns += Number(seat.isUnknown) - Number(wasUnknown);
  if (seat.isUnknown && holds(seat.params, dead)) seat.params = undefined;
}

function abandon(state: LiveState, seat: Seat, dead: Streams, supersede: Supersede): void {
  const readers = seat.tickets.filter(({ begun, params }) => begun && holds(params, dead));
  for (const ticket of readers) supersede(state, seat, ticket);
}

/** Whether a stream is, or is part of, what a step is called with. */
function holds(params: unknown, streams: Streams): boolean {
  if (streams.has(params)) return true;
  return isPlain(params) && Object.values(params).some((part) => holds(part, streams));
}
