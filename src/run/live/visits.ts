/** A new version of the input on its way into the flow: which nodes it visits, and which not. */
import { errorJson, FlowError } from '../../errors.ts';
import { checkAlone } from '../../graph/check-input.ts';
import { equal, put } from '../../plain.ts';
import { success } from '../../state/outcome.ts';
import { type PlanNode, successOf } from '../../wire/plan.ts';
import { checkedInput } from '../checked.ts';
import { work } from './at-work.ts';
import type { LiveState } from './live-state.ts';
import { keepAnswer } from './passing-on.ts';
import type { Route } from './route.ts';
import { comparedInput, type Equals } from './same.ts';
import { type Ticket, type Values, Version } from './seat.ts';
import { maySweep, sweep } from './sweep.ts';

/** Takes a new input in. */
export function takeInput(state: LiveState, given: unknown, equals: Equals | undefined): void {
  const { definition } = state.plan;
  const checked = checkedInput(definition, given, '');
  if (checked instanceof Promise) throw asynchronousInput(definition.id);
  if (checked.status !== 'success') {
    const { error } = checked as { error: FlowError };
    const version = begin(state, given);
    state.open.pop();
    state.refused = { input: given, error };
    state.tell(state.root, { type: 'FLOW_ERROR', error: errorJson(error) }, version);
    return;
  }
  const now = checked.value as Values;
  const before = state.input;
  // First: it may call code of users, for whom this version is not there yet.
  const { input, changed } = comparedInput(before, now, equals);
  const version = begin(state, now);
  state.refused = undefined;
  if (input !== before) keepInput(state, version, input);
  enter(state, version, state.routeOf(changed));
}

const none: readonly string[] = [];

/** Takes in what of the input may be new; the rest has been checked before. False where that cannot be done. */
export function takeChanges(
  state: LiveState,
  given: Values,
  names: readonly string[],
  equals: Equals | undefined,
): boolean {
  const before = state.input;
  if (!before || state.refused) return false;
  if (names.length === 1) return takeChange(state, before, given, names, equals);
  const values: unknown[] = [];
  for (const name of names) {
    const value = checkAlone(state.alone.get(name), given[name]);
    if (value === undefined) return false;
    values.push(value);
  }
  const changed: string[] = [];
  let input: Record<string, unknown> = before;
  names.forEach((name, i) => {
    if (isSame(before[name], values[i], equals)) return;
    if (changed.length === 0) input = changeable(state, before);
    changed.push(name);
    put(input, name, values[i]);
  });
  take(state, before, input, state.routeOf(changed));
  return true;
}

/** The same for one input, as most changes are: nothing has to be gathered. */
function takeChange(
  state: LiveState,
  before: Values,
  given: Values,
  names: readonly string[],
  equals: Equals | undefined,
): boolean {
  const name = names[0] as string;
  const entrance = state.entrance(name);
  const value = checkAlone(entrance.schemas, given[name]);
  if (value === undefined) return false;
  const isNew = !isSame(before[name], value, equals);
  const input = isNew ? changeable(state, before) : before;
  if (isNew) put(input as Record<string, unknown>, name, value);
  take(state, before, input, isNew ? entrance.route : state.routeOf(none));
  return true;
}

const isSame = (before: unknown, now: unknown, equals: Equals | undefined): boolean =>
  equal(before, now) || (equals?.(before, now) ?? false);

/** The input itself where nobody holds it but the flow: a copy would cost as much as there are inputs. */
function changeable(state: LiveState, input: Values): Record<string, unknown> {
  const isOwn = state.open.length === 0 && !isShared(state) && !Object.isFrozen(input);
  return isOwn ? input : { ...input };
}

const isShared = (state: LiveState): boolean => state.listening || state.reach.readsWhole;

function take(state: LiveState, before: Values, input: Values, route: Route): void {
  if (isShared(state)) Object.freeze(input);
  const version = begin(state, input);
  if (input !== before) keepInput(state, version, input);
  enter(state, version, route);
}

/** It is open before that is told: whoever hears of it may end the flow. */
function begin(state: LiveState, input: unknown): Version {
  const version = new Version(++state.newest);
  state.open.push(version);
  if (!state.listening) return version;
  const { options, plan } = state;
  const { metadata } = options;
  const start = { flow: plan.definition.id, input, ...(metadata && { metadata }) };
  state.tell(state.root, { type: 'FLOW_START', ...start }, version);
  return version;
}

function keepInput(state: LiveState, version: Version, input: Values): void {
  state.input = input;
  const seat = state.seat(0);
  // Where no older version is under way nobody asks for an older input.
  if (state.open.length > 1) keepAnswer(state, seat, version.number, success(input));
  else {
    seat.answers.clear();
    state.keepOutcome(0, success(input));
  }
}

/** The short way, if it is open, or as far as it is. */
function enter(state: LiveState, version: Version, route: Route): void {
  state.lost = undefined;
  if (!maySweep(state)) {
    for (const seed of route.seeds) state.marks[seed] = 1;
    visit(state, version, route, 0);
    return;
  }
  const end = sweep(state, version, route);
  if (end < route.nodes.length) {
    visit(state, version, route, end);
    return;
  }
  if (state.isStopped) return;
  state.open.pop();
  const output = state.outcomes[state.plan.root.close];
  if (version.hasNewOutput) state.listener.output(successOf(output));
}

/** Gives a ticket to every node of a route, from a place on. */
function visit(state: LiveState, version: Version, { nodes }: Route, from: number): void {
  const { marks } = state;
  const { pending } = version;
  version.left = nodes.length - from;
  const tickets: Ticket[] = [];
  for (let i = from; i < nodes.length; i++) {
    const index = nodes[i] as number;
    const ticket = state.seat(index).add(version);
    ticket.changed = marks[index] !== 0;
    marks[index] = 0;
    const { node } = state.seat(index);
    // A flow may have begun on the short way.
    if (node.kind === 'close') {
      const { last } = state.seat(node.scope.open).starts;
      ticket.started = last?.number === version.number && last.value !== undefined;
    }
    tickets.push(ticket);
  }
  const wait = (target: number) => {
    const ticket = state.seat(target).newest;
    if (ticket) ticket.missing++;
  };
  for (let i = from; i < nodes.length; i++) {
    const { targets, startTargets } = state.plan.nodes[nodes[i] as number] as PlanNode;
    targets.forEach(wait);
    startTargets.forEach(wait);
  }
  if (pending) {
    const ticket = tickets[0] as Ticket;
    const seat = state.seat(nodes[from] as number);
    seat.begin(ticket);
    ticket.params = pending.params;
    work(state, seat, ticket, pending.given, pending);
  }
  for (let i = from; i < nodes.length; i++) {
    const { node, newest } = state.seat(nodes[i] as number);
    if (newest?.version === version && newest.isWaiting && newest.missing === 0)
      state.ready.push(node);
  }
}

const asynchronousInput = (flow: string): FlowError =>
  new FlowError(
    'invalid-option',
    `The input schema of "${flow}" is asynchronous, and a live flow cannot wait for it`,
  );
