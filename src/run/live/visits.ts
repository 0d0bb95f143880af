/** A new version of the input on its way into the flow: which nodes it visits, and which not. */
import { errorJson, FlowError } from '../../errors.ts';
import { success } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import { checkedInput } from '../checked.ts';
import type { LiveState } from './live-state.ts';
import { arrive, keepAnswer } from './passing-on.ts';
import { comparedInput, type Equals } from './same.ts';
import { type Ticket, type Values, Version } from './seat.ts';

/** Takes a new input in. */
export function takeInput(state: LiveState, given: unknown, equals: Equals): void {
  const { definition } = state.plan;
  const checked = checkedInput(definition, given, '');
  if (checked instanceof Promise) throw asynchronousInput(definition.id);
  const version = new Version(++state.newest);
  const isValid = checked.status === 'success';
  if (state.listening) {
    const input = isValid ? checked.value : given;
    const { metadata } = state;
    const start = { flow: definition.id, input, ...(metadata && { metadata }) };
    state.tell(state.root, { type: 'FLOW_START', ...start }, version);
  }
  if (checked.status === 'failure') {
    state.refused = { input: given, error: checked.error };
    state.tell(state.root, { type: 'FLOW_ERROR', error: errorJson(checked.error) }, version);
    return;
  }
  const now = (checked as { value: unknown }).value as Values;
  const before = state.input;
  state.refused = undefined;
  state.open.push(version);
  if (!before) {
    keepInput(state, version, now);
    visitAll(state, version);
    return;
  }
  const { input, changed } = comparedInput(before, now, equals);
  if (input !== before) keepInput(state, version, input);
  visit(state, version, readersOf(state, changed));
}

function keepInput(state: LiveState, version: Version, input: Values): void {
  state.input = input;
  keepAnswer(state, state.seat(0), version.number, success(input));
}

/** The nodes that read these inputs, or any. */
function readersOf({ reach: { readers } }: LiveState, names: readonly string[] | undefined) {
  const found = new Set<number>();
  const add = (name: string) => readers.get(name)?.forEach((reader) => void found.add(reader));
  for (const name of names ?? readers.keys()) add(name);
  if (!names || names.length > 0) add('');
  return found;
}

function visitAll(state: LiveState, version: Version): void {
  const { nodes, missing } = state.plan;
  version.left = nodes.length - 1;
  for (let i = 1; i < nodes.length; i++) state.seat(i).add(version).missing = missing[i] as number;
  for (const target of state.root.targets) arrive(state, target, version, true, false);
}

/** Gives a ticket to every node that the seeds lead to. */
function visit(state: LiveState, version: Version, seeds: ReadonlySet<number>): void {
  const todo: number[] = [];
  const ticketAt = (index: number): Ticket => {
    const seat = state.seat(index);
    const last = seat.tickets[seat.tickets.length - 1];
    if (last?.version === version) return last;
    version.left++;
    todo.push(index);
    return seat.add(version);
  };
  for (const seed of seeds) ticketAt(seed).changed = true;
  // What reaches no step reaches the end: it answers as before, when older versions are answered.
  if (seeds.size === 0) ticketAt(state.plan.root.close);
  const visited = [...todo];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const { targets, startTargets } = state.plan.nodes[at] as PlanNode;
    for (const target of targets) ticketAt(target).missing++;
    for (const target of startTargets) ticketAt(target).missing++;
  }
  for (const seed of visited) {
    const { node, tickets } = state.seat(seed);
    if (tickets[tickets.length - 1]?.missing === 0) state.ready.push(node);
  }
}

const asynchronousInput = (flow: string): FlowError =>
  new FlowError(
    'invalid-option',
    `The input schema of "${flow}" is asynchronous, and a live flow cannot wait for it. Check the input in its first step, or before the flow with concatMap`,
  );
