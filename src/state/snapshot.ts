/** The state of a run at one moment. How it changes stands in `reduce.ts`. */
import type { ErrorJson } from '../errors.ts';
import { freeze } from '../plain.ts';
import type { Usage } from './event.ts';
import type { Additions, SkipDetail, SkipReason } from './outcome.ts';
import { emptyTable, recordAt, type Table, tableOf, toRecord, withRecord } from './table.ts';

export type RunStatus = 'pending' | 'running' | 'success' | 'failure' | 'suspended' | 'cancelled';
export type StepStatus =
  | 'running'
  | 'waiting'
  | 'retrying'
  | 'success'
  | 'failure'
  | 'skipped'
  | 'cancelled';

/** Which flow it is a run of. */
export interface FlowIdentity {
  readonly id: string;
  readonly hash: string;
  /** The hash of each step, where the run is saved: so that a later change of the flow can be told. */
  readonly steps?: Readonly<Record<string, string>>;
}

export interface StepState {
  readonly status: StepStatus;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: ErrorJson;
  readonly attempts: number;
  /** In a live flow, which input it is at work on. */
  readonly version?: number;
  readonly t0?: number;
  readonly t1?: number;
  readonly usage?: Usage;
  /** What was used below the step by attempts that are void. */
  readonly spent?: Usage;
  /** What the step has added to lists in the shared memory. */
  readonly adds?: Additions;
  /** Why the step was skipped. */
  readonly reason?: SkipReason;
  readonly detail?: SkipDetail;
  /** What the step waits to be told. */
  readonly question?: unknown;
}

/** All that is known of a run at one moment. Frozen; what did not change is shared with the snapshot before. */
export interface Snapshot {
  readonly v: 1;
  readonly runId: string;
  readonly parentId?: string;
  readonly flow: FlowIdentity;
  /** The number of the last event that changed the state; -1 before the first. */
  readonly seq: number;
  /** In a live flow, the newest input: 1, 2, 3 … `status` is that of this one; `output` may still be that of an older one. */
  readonly version?: number;
  readonly status: RunStatus;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: ErrorJson;
  readonly t0?: number;
  readonly t1?: number;
  /** By path, for the whole run tree; steps that nothing has happened to are absent. */
  readonly steps: Readonly<Record<string, StepState>>;
  /** Memory that is handed on to the runs that continue this one. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The saver failed, and the run went on without: what is stored ends before. */
  readonly unsaved?: ErrorJson;
}

/** All but the steps. */
type Fields = Omit<Snapshot, 'steps'>;

/** Where a snapshot made here has its steps, in the form that changes cheaply; and as a record, once somebody has read it. */
const hidden = Symbol('steps');

interface Steps {
  readonly table: Table<StepState>;
  record: Snapshot['steps'] | undefined;
}

const stepsOf = (snapshot: Snapshot): Steps | undefined =>
  (snapshot as { readonly [hidden]?: Steps })[hidden];

/** One getter for all snapshots: one of its own would make each a shape of its own, which is slow. */
const steps = {
  enumerable: true,
  get(this: Snapshot): Snapshot['steps'] {
    const own = stepsOf(this) as Steps;
    own.record ??= toRecord(own.table);
    return own.record;
  },
};

/** The record of all steps is made when somebody reads it: most snapshots are passed by. */
function snapshotOf(fields: Fields, table: Table<StepState>): Snapshot {
  const { v, runId, parentId, flow, seq, version, status, input, output, error, t0, t1 } = fields;
  const { data, unsaved } = fields;
  // Field by field: to spread what may be absent takes several times as long.
  const snapshot = { v, runId } as { -readonly [K in keyof Snapshot]: Snapshot[K] };
  Object.defineProperty(snapshot, hidden, { value: { table, record: undefined } });
  if (parentId !== undefined) snapshot.parentId = parentId;
  snapshot.flow = flow;
  snapshot.seq = seq;
  if (version !== undefined) snapshot.version = version;
  snapshot.status = status;
  if (input !== undefined) snapshot.input = input;
  if (output !== undefined) snapshot.output = output;
  if (error !== undefined) snapshot.error = error;
  if (t0 !== undefined) snapshot.t0 = t0;
  if (t1 !== undefined) snapshot.t1 = t1;
  Object.defineProperty(snapshot, 'steps', steps);
  snapshot.data = data;
  if (unsaved !== undefined) snapshot.unsaved = unsaved;
  return Object.freeze(snapshot);
}

/** Spreading a snapshot would make the record of its steps. */
const fieldsOf = ({
  v,
  runId,
  parentId,
  flow,
  seq,
  version,
  status,
  input,
  output,
  error,
  t0,
  t1,
  data,
  unsaved,
}: Fields): Fields => ({
  v,
  runId,
  parentId,
  flow,
  seq,
  version,
  status,
  input,
  output,
  error,
  t0,
  t1,
  data,
  unsaved,
});

export const tableFor = (snapshot: Snapshot): Table<StepState> =>
  stepsOf(snapshot)?.table ?? tableOf(snapshot.steps);

/** The state of a run before its first event. */
export const emptySnapshot = (runId: string, flow: FlowIdentity): Snapshot =>
  snapshotOf(
    { v: 1, runId, flow: Object.freeze(flow), seq: -1, status: 'pending', data: Object.freeze({}) },
    emptyTable(),
  );

/** A snapshot with some other fields, and perhaps other steps. A field that is undefined is none. */
export const changed = (
  before: Snapshot,
  change: Partial<Fields>,
  table = tableFor(before),
): Snapshot => snapshotOf({ ...fieldsOf(before), ...change }, table);

/** The steps of a snapshot after some have changed. */
export function tableAfter(
  before: Snapshot,
  steps: ReadonlyMap<string, StepState | undefined>,
): Table<StepState> {
  let table = tableFor(before);
  for (const [path, step] of steps) table = withRecord(table, path, Object.freeze(step));
  return table;
}

/** A snapshot that was plain data, such as JSON, in the meantime. */
export const revive = (plain: Snapshot): Snapshot =>
  stepsOf(plain) ? plain : snapshotOf(freeze(plain), tableOf(freeze(plain.steps)));

/** The state of one step; cheaper than `snapshot.steps[path]` where many snapshots are asked. */
export const stepState = (snapshot: Snapshot, path: string): StepState | undefined =>
  recordAt(tableFor(snapshot), path);
