/** The state of a run at one moment, and the one place where it changes: `reduce`. */
import type { ErrorJson } from '../errors.ts';
import { freeze } from '../plain.ts';
import type { FlowEvent, Usage } from './event.ts';
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
  readonly t0?: number;
  readonly t1?: number;
  readonly usage?: Usage;
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

/** All but the steps. Spreading a snapshot would make the record of its steps. */
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

const tableFor = (snapshot: Snapshot): Table<StepState> =>
  stepsOf(snapshot)?.table ?? tableOf(snapshot.steps);

/** The state of a run before its first event. */
export const emptySnapshot = (runId: string, flow: FlowIdentity): Snapshot =>
  snapshotOf(
    { v: 1, runId, flow: Object.freeze(flow), seq: -1, status: 'pending', data: Object.freeze({}) },
    emptyTable(),
  );

/** A snapshot of other fields and some other steps. */
export function snapshotFrom(
  before: Snapshot,
  fields: Fields,
  steps: ReadonlyMap<string, StepState>,
): Snapshot {
  let table = tableFor(before);
  for (const [path, step] of steps) table = withRecord(table, path, Object.freeze(step));
  return snapshotOf(fields, table);
}

/** A snapshot that was plain data, such as JSON, in the meantime. */
export const revive = (plain: Snapshot): Snapshot =>
  stepsOf(plain) ? plain : snapshotOf(freeze(plain), tableOf(freeze(plain.steps)));

/** The state of one step; cheaper than `snapshot.steps[path]` where many snapshots are asked. */
export const stepState = (snapshot: Snapshot, path: string): StepState | undefined =>
  recordAt(tableFor(snapshot), path);

/** The state after an event. Pure: the only way in which state comes to be. Chunks are events only and change nothing. */
export function reduce(snapshot: Snapshot, event: FlowEvent): Snapshot {
  const { seq, t } = event;
  switch (event.type) {
    case 'FLOW_START':
      return snapshotOf(
        {
          ...fieldsOf(snapshot),
          seq,
          status: 'running',
          input: event.input,
          t0: snapshot.t0 ?? t,
          t1: undefined,
          error: undefined,
          ...(event.version !== undefined && { version: event.version }),
          ...(event.data && { data: event.data }),
          ...(event.parentId !== undefined && { parentId: event.parentId }),
        },
        tableFor(snapshot),
      );
    case 'FLOW_OUTPUT':
      return ended(snapshot, event, {
        status: 'success',
        output: event.output,
        data: event.data ?? snapshot.data,
      });
    case 'FLOW_ERROR':
      return ended(snapshot, event, {
        status: 'failure',
        error: event.error,
        data: event.data ?? snapshot.data,
      });
    case 'FLOW_CANCEL':
      return ended(snapshot, event, { status: 'cancelled', error: event.reason });
    case 'FLOW_SUSPEND':
      return snapshotOf({ ...fieldsOf(snapshot), seq, status: 'suspended' }, tableFor(snapshot));
    case 'FLOW_UNSAVED':
      return snapshotOf({ ...fieldsOf(snapshot), seq, unsaved: event.error }, tableFor(snapshot));
    case 'STEP_CHUNK':
    case 'STEP_LATE':
      return snapshot;
    default: {
      const table = tableFor(snapshot);
      const step = Object.freeze(reduceStep(recordAt(table, event.path), event));
      return snapshotOf({ ...fieldsOf(snapshot), seq }, withRecord(table, event.path, step));
    }
  }
}

type StepChange = Extract<
  FlowEvent,
  { type: 'STEP_START' | 'STEP_RETRY' | 'STEP_WAIT' | 'STEP_OUTPUT' | 'STEP_SKIP' }
>;

function reduceStep(step: StepState | undefined, event: StepChange): StepState {
  const before: StepState = step ?? { status: 'running', attempts: 0 };
  switch (event.type) {
    case 'STEP_START':
      return { status: 'running', input: event.input, attempts: 1, t0: event.t };
    case 'STEP_RETRY':
      return { ...before, status: 'retrying', attempts: event.attempt, error: event.error };
    case 'STEP_WAIT':
      return { ...before, status: 'waiting', question: event.question };
    case 'STEP_SKIP':
      return {
        status: 'skipped',
        attempts: 0,
        t1: event.t,
        reason: event.reason,
        detail: event.detail,
      };
    case 'STEP_OUTPUT':
      return {
        status: event.error ? 'failure' : 'success',
        input: event.input,
        ...(event.output !== undefined && { output: event.output }),
        ...(event.error && { error: event.error }),
        attempts: event.attempts,
        t0: event.t0,
        t1: event.t1,
        ...(event.usage && { usage: event.usage }),
        ...(event.adds && { adds: event.adds }),
      };
  }
}

/** A run that is over leaves no step at work: what had not ended was cancelled with it. */
function ended(
  snapshot: Snapshot,
  { seq, t, version }: FlowEvent,
  end: Partial<Pick<Snapshot, 'status' | 'output' | 'error' | 'data'>>,
): Snapshot {
  if (version !== undefined && version < (snapshot.version ?? 0)) {
    const { output = snapshot.output } = end;
    return snapshotOf({ ...fieldsOf(snapshot), output, seq }, tableFor(snapshot));
  }
  let table = tableFor(snapshot);
  // In a run that succeeds, too: items of `each` that were stopped because another one failed. In a live flow another version may be at work.
  for (const [path, step] of version === undefined ? Object.entries(snapshot.steps) : []) {
    if (isAtWork(step))
      table = withRecord(table, path, Object.freeze({ ...step, status: 'cancelled', t1: t }));
  }
  return snapshotOf({ ...fieldsOf(snapshot), ...end, seq, t1: t }, table);
}

const isAtWork = ({ status }: StepState): boolean =>
  status === 'running' || status === 'waiting' || status === 'retrying';
