/**
 * The short way for a version. Where nothing is under way, and as long as steps answer at once, its nodes are gone through in the order of
 * the plan: no tickets, no queue. At the first step that takes its time the rest of the way gets tickets.
 *
 * S1 It does what the long way does; nothing shows which one was taken, but the order in which steps are called that do not wait for each
 *    other.
 */
import { type Outcome, success } from '../../state/outcome.ts';
import { fillParams, refusal } from '../../wire/admit.ts';
import { checkedInput, checkedParams } from '../checked.ts';
import { direct } from '../work.ts';
import { closed } from './closed.ts';
import type { LiveState } from './live-state.ts';
import { keepStart } from './passing-on.ts';
import type { Route } from './route.ts';
import { kept, sameParams } from './same.ts';
import { isPartial, type Seat, type Values, type Version } from './seat.ts';
import {
  answer,
  answerStraight,
  called,
  type Found,
  markTargets,
  settled,
  slow,
} from './straight-way.ts';
import { tellEnd } from './told.ts';

/** Tests switch it off to show that nothing depends on it. */
export const shortWay = { isOn: true };

/** Whether a version may go the short way. */
export const maySweep = (state: LiveState): boolean =>
  state.open.length === 1 &&
  state.unknowns === 0 &&
  !state.hearers &&
  !state.listening &&
  !state.limiter &&
  state.plan.channels.length === 0 &&
  direct.isOn &&
  shortWay.isOn;

const nothing: Values = Object.freeze({});

/** Goes as far as it can. Gives back at which place of the route it had to halt, perhaps in the midst of a call; the end of it where all have answered. */
export function sweep(
  state: LiveState,
  version: Version,
  { seeds, nodes, isExact }: Route,
): number {
  const { marks, seats } = state;
  for (let i = 0; i < seeds.length; i++) marks[seeds[i] as number] = isExact ? 1 : 2;
  for (let at = 0; at < nodes.length; at++) {
    const index = nodes[at] as number;
    const seat = seats[index] as Seat;
    if (marks[index] === 0 && !mayDiffer(state, seat)) continue;
    const { straight } = seat;
    const isStraight = straight !== undefined && state.troubles === 0;
    const found =
      (isStraight && answerStraight(state, version, seat, straight)) ||
      answerOf(state, version, seat);
    if (found === slow) return at;
    if (state.isStopped) break;
    marks[index] = 0;
    if (found !== settled) settle(state, version, seat, found);
    // Somebody has begun to hear while it was called.
    if (state.listening) {
      tellEnd(state, seat, state.outcomes[index] as Outcome, version, false);
      return at + 1;
    }
  }
  return nodes.length;
}

function answerOf(state: LiveState, version: Version, seat: Seat): Found {
  const { node } = seat;
  if (node.kind === 'close') {
    const { outcome, input, attempts } = closed(state, node, state);
    seat.note(undefined, input, attempts);
    return outcome;
  }
  const params: Record<string, unknown> = {};
  const refused = refusal(node, state) ?? fillParams(node, state, params);
  if (refused) {
    seat.note(undefined, nothing, 0);
    const hasStarted = refused.status === 'failure' && node.kind === 'step';
    if (seat.keepsStarts) noteStart(state, version, seat, hasStarted ? nothing : undefined);
    return refused;
  }
  if (seat.params && sameParams(node, seat.params, params)) return settled;
  Object.freeze(params);
  if (node.kind === 'step') return node.isSimple ? checkedCall(state, version, seat, params) : slow;
  const checked = checkedInput(node.scope.definition, params, node.path);
  if (checked instanceof Promise) return slow;
  seat.note(params, params, 0);
  noteStart(state, version, seat, params);
  // What it is told with at its end is new, whatever its steps answer.
  state.marks[node.scope.close] ||= 2;
  return checked;
}

function checkedCall(state: LiveState, version: Version, seat: Seat, params: Values): Found {
  const { output, schema, path } = seat.node;
  if (output) return slow;
  const checked = schema ? checkedParams(schema, params, path) : success(params);
  if (checked instanceof Promise) return slow;
  const given = checked.status === 'success' ? checked.value : params;
  if (checked.status !== 'success') seat.note(params, params, 0);
  const found =
    checked.status === 'success' ? called(state, version, seat, params, given) : checked;
  if (found !== slow && seat.keepsStarts) noteStart(state, version, seat, given);
  return found;
}

function noteStart(state: LiveState, version: Version, seat: Seat, input: unknown): void {
  const start = input === undefined ? undefined : { input, at: undefined };
  keepStart(state, seat, version, start);
}

function settle(state: LiveState, version: Version, seat: Seat, found: Outcome): void {
  const { node } = seat;
  const before = state.outcomes[node.index];
  const outcome = kept(node, before, found);
  const watched = node.kind === 'close' ? state.seat(node.scope.open) : seat;
  if (outcome !== before) {
    state.keepOutcome(node.index, outcome);
    answer(state, version, seat, outcome);
  } else if (watched.isWatched) markTargets(state, node);
}

/** Whether a node may have something new to say though none that it waits for has. */
const mayDiffer = ({ reach, outcomes }: LiveState, { node }: Seat): boolean =>
  (reach.beyond[node.index] as readonly number[]).length > 0 ||
  (node.kind === 'close' && isPartial(node, outcomes[node.index]));
