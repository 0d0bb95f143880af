/** What becomes of those who read the chunks of a step when its work is given up: they read a stream that will never end. */
import type { PlanNode } from '../../wire/plan.ts';
import type { LiveState } from './live-state.ts';
import type { Seat, Ticket } from './seat.ts';

type Supersede = (state: LiveState, seat: Seat, ticket: Ticket) => void;

/** Gives up what was begun on such a stream, at versions from `first` up to and without `end`, when the step itself starts again. */
export function abandonReaders(
  state: LiveState,
  { startTargets }: PlanNode,
  first: number,
  end = Number.POSITIVE_INFINITY,
  supersede: Supersede,
): void {
  for (const target of startTargets) {
    const seat = state.seat(target);
    abandon(state, seat, first, end, supersede);
    const { node } = seat;
    if (node.kind !== 'open') continue;
    // A flow that has begun with the stream: nobody in it may go on with that.
    const wasUnknown = seat.isUnknown;
    seat.answers.overwrite(first, end, undefined);
    state.unknowns += Number(seat.isUnknown) - Number(wasUnknown);
    seat.params = undefined;
    for (let i = node.index + 1; i < node.scope.close; i++)
      abandon(state, state.seat(i), first, end, supersede);
    if (node.startTargets.length > 0)
      state.ready.push(() => abandonReaders(state, node, first, end, supersede));
  }
}

function abandon(
  state: LiveState,
  seat: Seat,
  first: number,
  end: number,
  supersede: Supersede,
): void {
  for (const ticket of [...seat.tickets]) {
    const { number } = ticket.version;
    if (ticket.begun && !ticket.isGone && number >= first && number < end)
      supersede(state, seat, ticket);
  }
}
