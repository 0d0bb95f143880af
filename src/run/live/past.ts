/** What a live run was at a version, for what is looked at while newer versions are under way. */
import type { Outcome } from '../../state/outcome.ts';
import type { PlanLink, PlanNode, View } from '../../wire/plan.ts';
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

class Past implements View {
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly inputs: readonly unknown[];
  readonly runId: string;
  readonly memory: View['memory'];
  readonly at: View['at'];
  private readonly state: LiveState;
  private readonly version: number;

  constructor(state: LiveState, version: number) {
    this.state = state;
    this.version = version;
    this.runId = state.runId;
    this.memory = state.memory;
    this.at = state.at;
    const { length } = state.seats;
    this.outcomes = listOf(length, (index) => state.outcomeAt(index, version));
    this.inputs = listOf(length, (index) => state.seat(index).starts.at(version)?.value?.input);
  }

  hasStarted(node: number): boolean {
    return this.state.seat(node).starts.at(this.version)?.value !== undefined;
  }

  channel(channel: number): unknown {
    return this.state.streams.read(channel, this.version);
  }
}

/** All that a node may read at a version. */
export const viewAt = (state: LiveState, version: Version): View =>
  state.isUpToDate(version) ? state : new Past(state, version.number);

/** Whether something that a node reads, but does not wait for itself, has changed since a version. */
export function hasChangedBeyond(
  state: LiveState,
  { index }: PlanNode,
  since: number,
  { number }: Version,
): boolean {
  return (state.reach.beyond[index] as readonly number[]).some((source) => {
    const { answers, starts } = state.seat(source);
    return [answers.at(number), starts.at(number)].some((at) => at && at.version > since);
  });
}

/** Whether everything that a node reads is known at a version. */
export function isKnown(state: LiveState, { index }: PlanNode, version: Version): boolean {
  if (state.isUpToDate(version)) return true;
  const { number } = version;
  for (const source of state.reach.sources[index] as readonly number[]) {
    const answer = state.seat(source).answers.at(number);
    if (answer && answer.value === undefined) return false;
  }
  for (const { source, start } of state.reach.streams[index] as readonly PlanLink[]) {
    const started = state.seat(start).starts.at(number)?.version ?? 0;
    // A flow may have been given up before it began, and its end does not know yet.
    for (const node of source === start ? [source] : [source, start]) {
      const answer = state.seat(node).answers.at(number);
      if (answer && answer.value === undefined && started <= answer.version) return false;
    }
  }
  return true;
}
