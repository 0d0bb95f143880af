/** What a busy step does with a newer version: the policies, in a table. */
import type { Policy } from '../../graph/definition.ts';
import type { Seat, Ticket } from './seat.ts';

/** `go`: it is looked at now. `wait`: after the work under way. `drop`: never. */
export type Turn = 'go' | 'wait' | 'drop';

export function turnOf(seat: Seat, ticket: Ticket): Turn {
  const { policy = 'switch' } = seat.node.settings;
  const atWork = seat.tickets.filter(({ begun }) => begun).length;
  return atWork === 0 && policy !== 'concat' ? 'go' : turns[policy](seat, ticket, atWork);
}

const turns: Record<Policy, (seat: Seat, ticket: Ticket, atWork: number) => Turn> = {
  switch: () => 'go',
  merge: () => 'go',
  exhaust: () => 'drop',
  conflate: ({ tickets }, ticket) =>
    tickets.some(({ version, missing }) => version > ticket.version && missing === 0)
      ? 'drop'
      : 'wait',
  concat: ({ node, tickets }, _, atWork) => {
    const { concurrency = 1, maxPending = 1000 } = node.settings;
    if (tickets.length - atWork > maxPending) return 'drop';
    return atWork < concurrency ? 'go' : 'wait';
  },
};
