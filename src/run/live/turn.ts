/** What a busy step does with a newer version: the policies, in a table. */
import type { Policy } from '../../graph/definition.ts';
import type { SkipDetail } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import type { Seat } from './seat.ts';

/** So many versions wait for a step, unless it says otherwise. */
const most = 1000;

/** `go`: it is worked on now. `wait`: after the work under way. `drop`: never. */
export type Turn = 'go' | 'wait' | 'drop';

/** Steps switch unless they say otherwise. The end of a flow gives up nothing: it takes no time. */
const policyOf = ({ kind, settings }: PlanNode): Policy =>
  kind === 'close' ? 'concat' : (settings.policy ?? 'switch');

/** Whether versions that are ready at the same time are one too many: only the newest of them is worked on. */
export const takesNewest = (node: PlanNode): boolean => {
  const policy = policyOf(node);
  return policy === 'switch' || policy === 'conflate';
};

/** Whether an outcome makes those of older versions superfluous. */
export const outruns = (node: PlanNode): boolean => policyOf(node) !== 'concat';

/** Why a version was dropped. */
export const droppedBy = ({ path, settings }: PlanNode): SkipDetail => ({
  message:
    settings.policy === 'exhaust'
      ? `"${path}" was at work on an older version, and drops what comes meanwhile`
      : `the version was the oldest of more than ${settings.maxPending ?? most} that waited for "${path}"`,
});

export const turnOf = (seat: Seat): Turn => turns[policyOf(seat.node)](seat);

const turns: Record<Policy, (seat: Seat) => Turn> = {
  switch: () => 'go',
  merge: (seat) => inQueue(seat, Number.POSITIVE_INFINITY),
  exhaust: (seat) => (seat.atWork === 0 ? 'go' : 'drop'),
  conflate: (seat) => (seat.atWork === 0 ? 'go' : 'wait'),
  concat: (seat) => inQueue(seat, 1),
};

/** `atOnce`: so many are worked on side by side, unless the step says otherwise. */
function inQueue({ node, atWork, waiting }: Seat, atOnce: number): Turn {
  const { concurrency = atOnce, maxPending = most } = node.settings;
  if (atWork < concurrency) return 'go';
  return waiting.length > maxPending ? 'drop' : 'wait';
}
