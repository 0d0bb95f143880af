/** What becomes of those who read the chunks of a step when its work is given up: they read a stream that will not end. */
import { isPlain } from '../../plain.ts';
import { type PlanNode, successOf } from '../../wire/plan.ts';
import type { LiveState } from './live-state.ts';
import { type Seat, streamOf, type Ticket } from './seat.ts';

export type Supersede = (state: LiveState, seat: Seat, ticket: Ticket) => void;

/** A stream, at the versions from `first` up to `end`, when the step that it comes from will answer again. */
interface Dead {
  readonly chunks: ReadonlySet<unknown>;
  readonly first: number;
  readonly end: number;
}

/** Gives up what was begun with the stream that a node had started, at versions before `end`. */
export function abandonReaders(
  state: LiveState,
  node: PlanNode,
  first: number,
  end: number,
  supersede: Supersede,
): void {
  const chunks = new Set(state.streams.of(streamOf(node), first));
  chunks.delete(undefined);
  const dead = { chunks, first, end };
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
  dead: Dead,
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

function forgetOpening(state: LiveState, seat: Seat, { chunks, first, end }: Dead): void {
  const wasUnknown = seat.isUnknown;
  const isDead = (outcome: unknown) => holds(successOf(outcome as never), chunks);
  seat.answers.replace(first, end, isDead, undefined, state.oldest);
  state.unknowns += Number(seat.isUnknown) - Number(wasUnknown);
  if (seat.isUnknown && holds(seat.params, chunks)) seat.params = undefined;
}

function abandon(state: LiveState, seat: Seat, dead: Dead, supersede: Supersede): void {
  const { chunks, first, end } = dead;
  const readers = seat.tickets.filter(({ version: { number }, begun, params }) => {
    return begun && number >= first && number < end && holds(params, chunks);
  });
  for (const ticket of ridersFirst(readers)) supersede(state, seat, ticket);
}

/** What rides along goes first: otherwise it would inherit the work. */
export const ridersFirst = (tickets: readonly Ticket[]): readonly Ticket[] =>
  tickets.some(({ rides }) => rides)
    ? [...tickets.filter(({ rides }) => rides), ...tickets.filter(({ rides }) => !rides)]
    : tickets;

/** Whether a stream is, or is part of, what a step is called with. */
function holds(params: unknown, streams: ReadonlySet<unknown>): boolean {
  if (streams.has(params)) return true;
  return isPlain(params) && Object.values(params).some((part) => holds(part, streams));
}
