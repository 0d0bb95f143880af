/** What a run did, step by step, in virtual time. */
import type { CompiledFlow, FlowError, FlowEvent, Snapshot } from '../index.ts';
import { type Block, keysOf } from './block.ts';
import type { Values } from './cold.ts';
import { Legend, ownCharacter } from './legend.ts';
import type { Mark } from './mark.ts';
import { sameValue } from './same-value.ts';
import type { StepTrace, Told } from './step-trace.ts';
import { type Happening, type Rows, rowsOf } from './trace-rows.ts';

export interface TraceParts {
  readonly flow: Pick<CompiledFlow<never, unknown>, 'definition'>;
  readonly events: readonly FlowEvent[];
  readonly steps: readonly StepTrace[];
  readonly inputs?: Rows | undefined;
  readonly outputs: readonly Told[];
  /** What the clock showed at the beginning. */
  readonly since: number;
  readonly end: number;
  readonly isLive: boolean;
  /** When the events completed. */
  readonly completed: number | undefined;
  readonly values: Values;
  readonly snapshot: Snapshot;
  readonly notes: readonly string[];
  readonly error?: FlowError;
}

export class FlowTrace<Output = unknown> {
  /** Everything that happened, in order. */
  readonly events: readonly FlowEvent[];
  /** The steps that something happened to, in the order in which it did; in a live flow, once for each version. */
  readonly steps: readonly StepTrace[];
  /** What happened, by row: `page` for what a step emits, `page.on` for when it is at work, `output`, `run`. */
  readonly rows: ReadonlyMap<string, readonly Happening[]>;
  /** The state at the end. */
  readonly snapshot: Snapshot;
  /** What the run gave; in a live flow, what it gave last. */
  readonly output?: Output;
  /** Why the run failed, was cancelled or suspended. */
  readonly error?: FlowError;
  /** When the trace ended, in ms from its beginning. */
  readonly end: number;
  /** What characters were said to stand for. */
  readonly values: Values;
  /** What was not as exact as one might think: see `VirtualTime`. */
  readonly notes: readonly string[];
  /** Rows that are only drawn when they are asked for: those of the run say no more than that of the output. */
  readonly quiet: ReadonlySet<string>;

  constructor(parts: TraceParts) {
    const { events, steps, outputs, snapshot, error, end, values, notes } = parts;
    this.events = events;
    this.steps = steps;
    this.snapshot = snapshot;
    this.end = end;
    this.values = values;
    this.notes = [...notes];
    const last = outputs.at(-1);
    if (last) this.output = last.value as Output;
    if (error) this.error = error;
    this.rows = allRows(parts);
    const run = [...this.rows.keys()].at(-1) ?? 'run';
    this.quiet = new Set([run, `${run}.on`]);
  }

  /** The step at a path; in a live flow, what became of its last version. */
  step(path: string): StepTrace | undefined {
    return this.steps.findLast((step) => step.path === path);
  }

  /** The rows with a character for each value: those given, single letters and digits as themselves, else the first letters that are free. */
  get block(): Block {
    return this.drawnWith(new Legend(this.values));
  }

  /** The rows with the characters of a legend; it learns those that it did not know. */
  drawnWith(legend: Legend): Block {
    return withCharacters(this.rows, legend);
  }

  /**
   * The legend for rows that an author has written. What they do not use, such as the characters of stubs, is
   * named by it only where they have no character for it.
   */
  legendFor(expected: Block, values: Values = {}): Legend {
    const keys = keysOf(expected);
    const used = Object.entries(this.values).filter(([key]) => keys.has(key));
    const given = { ...Object.fromEntries(used), ...values };
    const isNamed = (value: unknown) =>
      keys.has(ownCharacter(value) ?? '') ||
      Object.values(given).some((known) => sameValue(known, value));
    const rest = Object.entries(this.values).filter(
      ([key, value]) => !keys.has(key) && !Object.hasOwn(values, key) && !isNamed(value),
    );
    return new Legend({ ...given, ...Object.fromEntries(rest) }, keys);
  }
}

export function withCharacters(
  rows: ReadonlyMap<string, readonly Happening[]>,
  legend: Legend,
): Block {
  const mark = (happening: Happening): Mark => {
    if (happening.kind !== 'value') return happening;
    return { at: happening.at, kind: 'value', key: happening.key ?? legend.key(happening.value) };
  };
  return new Map([...rows].map(([label, row]) => [label, row.map(mark)]));
}

function allRows({
  flow,
  events,
  steps,
  inputs,
  outputs,
  since,
  isLive,
  completed,
}: TraceParts): Rows {
  const rows: Rows = new Map(inputs);
  for (const [label, row] of rowsOf(steps, pathsOf(flow))) rows.set(label, row);
  const end = endOf(events, since);
  // A step of the same name keeps its own.
  const free = (label: string) => (rows.has(label) ? `$${label}` : label);
  const given = outputs.map(({ at, value }): Happening => ({ at, kind: 'value', value }));
  const hidesValue = !isLive && Object.keys((outputs[0]?.value ?? {}) as object).length === 0;
  const ends = isLive ? [...failures(events, since), ...completion(completed)] : end;
  rows.set(free('output'), [...(hidesValue ? [] : given), ...ends]);
  const start = events.find(({ type }) => type === 'FLOW_START');
  const last = events.find((event) => isEnd(event));
  rows.set(`${free('run')}.on`, [
    ...(start ? [{ at: start.t - since, kind: 'start' as const }] : []),
    ...(last && !isLive ? [{ at: last.t - since, kind: 'stop' as const }] : []),
  ]);
  rows.set(free('run'), end);
  return rows;
}

const isEnd = ({ type }: FlowEvent): boolean =>
  type === 'FLOW_OUTPUT' ||
  type === 'FLOW_ERROR' ||
  type === 'FLOW_CANCEL' ||
  type === 'FLOW_SUSPEND';

function endOf(events: readonly FlowEvent[], since: number): Happening[] {
  const last = events.find((event) => isEnd(event) && event.version === undefined);
  if (!last || last.type === 'FLOW_CANCEL') return [];
  const at = last.t - since;
  return last.type === 'FLOW_ERROR'
    ? [{ at, kind: 'error', note: last.error.message }]
    : [{ at, kind: 'complete' }];
}

const completion = (at: number | undefined): Happening[] =>
  at === undefined ? [] : [{ at, kind: 'complete' }];

/** Of the versions of a live flow. */
const failures = (events: readonly FlowEvent[], since: number): Happening[] =>
  events.flatMap((event) =>
    event.type === 'FLOW_ERROR'
      ? [{ at: event.t - since, kind: 'error' as const, note: event.error.message }]
      : [],
  );

type Definition = CompiledFlow<never, unknown>['definition'];

/** Every step of a flow and of the flows in it, each before its own. */
function pathsOf(
  { definition }: { readonly definition: Definition },
  around = '',
): readonly string[] {
  return definition.order.flatMap((id) => {
    const inner = definition.steps.get(id)?.step.definition as Definition | undefined;
    const path = around + id;
    return [path, ...(inner ? pathsOf({ definition: inner }, `${path}.`) : [])];
  });
}
