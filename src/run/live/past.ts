/** What a live run was at a version, for what is looked at while newer versions are under way. */
import type { PlanNode, View } from '../../wire/plan.ts';
import type { LiveState } from './live-state.ts';
import type { Version } from './seat.ts';

/** A list whose parts are looked up when they are read. */
const listOf = <T>(length: number, part: (index: number) => T): readonly T[] =>
  new Proxy<T[]>([], {
    get: (list, name) => {
      if (name === 'length') return length;
      return typeof name === 'symbol' ? Reflect.get(list, name) : part(Number(name));
    },
  });

function past(state: LiveState, version: number): View {
  const { runId, memory, seats, streams } = state;
  const { length } = seats;
  const startAt = (node: number) => state.seat(node).starts.at(version)?.value;
  return {
    runId,
    memory,
    at: (path) => state.at(path),
    outcomes: listOf(length, (node) => state.outcomeAt(node, version)),
    inputs: listOf(length, (node) => startAt(node)?.input),
    hasStarted: (node) => startAt(node) !== undefined,
    channel: (channel) => streams.read(channel, version),
  };
}

/** All that a node may read at a version. */
export const viewAt = (state: LiveState, version: Pick<Version, 'number'>): View =>
  state.isUpToDate(version) ? state : past(state, version.number);

/** Whether something that a node reads, but does not wait for itself, has changed since a version. */
export function hasChangedBeyond(
  state: LiveState,
  { index, gate }: PlanNode,
  since: number,
  { number }: Version,
): boolean {
  // The flow around it may have been given up at the one version, and have begun anew at the other.
  const gateAt = (version: number) => gate && state.outcomeAt(gate.open, version)?.status;
  if (gateAt(since) !== gateAt(number)) return true;
  return (state.reach.beyond[index] as readonly number[]).some((source) => {
    const { answers, starts } = state.seat(source);
    return [answers.at(number), starts.at(number)].some((at) => at && at.number > since);
  });
}

/** Whether everything that a node reads is known at a version. */
export function isKnown(state: LiveState, { index, links }: PlanNode, version: Version): boolean {
  if (state.isUpToDate(version)) return true;
  const { number } = version;
  for (const source of state.reach.sources[index] as readonly number[]) {
    const answer = state.seat(source).answers.at(number);
    if (answer && answer.value === undefined) return false;
  }
  for (const { link, source, start } of links) {
    if (!link.stream) continue;
    const started = state.seat(start).starts.at(number)?.number ?? 0;
    // A flow may have been given up before it began, and its end does not know yet.
    for (const node of source === start ? [source] : [source, start]) {
      const answer = state.seat(node).answers.at(number);
      if (answer && answer.value === undefined && started <= answer.number) return false;
    }
  }
  return true;
}
