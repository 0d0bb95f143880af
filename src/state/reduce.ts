/** The one place where state changes: events are folded into it, one at a time or many before somebody looks. */
import { type FlowEvent, summed } from './event.ts';
import {
  changed,
  type Snapshot,
  type StepState,
  stepState,
  tableAfter,
  tableFor,
} from './snapshot.ts';
import { eachRecord, namesBelow, nearest, recordAt, withRecord } from './table.ts';

/** The state after an event. Pure: the only way in which state comes to be. Chunks are events only and change nothing. */
export function reduce(snapshot: Snapshot, event: FlowEvent): Snapshot {
  const { seq, t } = event;
  switch (event.type) {
    case 'FLOW_START':
      return changed(snapshot, {
        seq,
        status: 'running',
        input: event.input,
        t0: snapshot.t0 ?? t,
        t1: undefined,
        error: undefined,
        version: event.version ?? snapshot.version,
        data: event.data ?? snapshot.data,
        parentId: event.parentId ?? snapshot.parentId,
      });
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
      return ended(snapshot, event, { status: 'cancelled', error: event.reason }, event.current);
    case 'FLOW_SUSPEND':
      return changed(snapshot, { seq, status: 'suspended' }, stopped(snapshot, event));
    case 'FLOW_UNSAVED':
      return changed(snapshot, { seq, unsaved: event.error });
    case 'STEP_CHUNK':
    case 'STEP_LATE':
      return snapshot;
    default: {
      const table = isAnew(event) ? withoutBelow(snapshot, event) : tableFor(snapshot);
      const step = stepAfter(recordAt(table, event.path), event);
      return changed(snapshot, { seq }, withRecord(table, event.path, step));
    }
  }
}

/** State under way. What events do to steps is gathered, and becomes a snapshot when somebody asks: the same as by `reduce`, for less. */
export class Fold {
  /** The number of the last event that changed something. */
  seq: number;
  private base: Snapshot;
  private readonly steps = new Map<string, StepState>();

  constructor(snapshot: Snapshot) {
    this.base = snapshot;
    this.seq = snapshot.seq;
  }

  /** The state of a step now. */
  step(path: string): StepState | undefined {
    return this.steps.get(path) ?? stepState(this.base, path);
  }

  /** Takes an event in. False for one that changes nothing. */
  take(event: FlowEvent): boolean {
    const { type, path, seq } = event;
    if (type === 'STEP_CHUNK' || type === 'STEP_LATE') return false;
    if (isOfOneStep(event)) this.steps.set(path, stepAfter(this.step(path), event as StepChange));
    else this.base = reduce(this.snapshot, event);
    this.seq = seq;
    return true;
  }

  /** The state now. The same object as long as nothing has changed. */
  get snapshot(): Snapshot {
    const { base, steps, seq } = this;
    if (steps.size === 0) return base;
    this.base = changed(base, { seq }, tableAfter(base, steps));
    steps.clear();
    return this.base;
  }
}

/** A step begins anew, for another version or another attempt. */
export const isAnew = (event: FlowEvent): boolean => 'anew' in event;

/** It changes the state of one step at most. */
export const isOfOneStep = (event: FlowEvent): boolean =>
  event.type.startsWith('STEP_') && !isAnew(event);

/** What items, rounds, turns or steps there were below a step says nothing of those to come, but what they have used. */
function withoutBelow(snapshot: Snapshot, event: FlowEvent): ReturnType<typeof tableFor> {
  const { path } = event;
  let table = tableFor(snapshot);
  const step = recordAt(table, path);
  if (isOlder(event, step)) return table;
  let spent = step?.spent;
  for (const name of namesBelow(table, path)) {
    const gone = recordAt(table, name);
    if (!gone) continue;
    spent = summed(summed(spent, gone.usage), gone.spent);
    table = withRecord(table, name, undefined);
  }
  return spent && step ? withRecord(table, path, { ...step, spent: Object.freeze(spent) }) : table;
}

type StepChange = Extract<
  FlowEvent,
  { type: 'STEP_START' | 'STEP_RETRY' | 'STEP_WAIT' | 'STEP_OUTPUT' | 'STEP_SKIP' }
>;

const stepAfter = (step: StepState | undefined, event: StepChange): StepState =>
  Object.freeze(changedStep(step, event));

const isOlder = ({ version = 0 }: FlowEvent, step: StepState | undefined): boolean =>
  version < (step?.version ?? 0);

type Changing = { -readonly [K in keyof StepState]: StepState[K] };

function changedStep(step: StepState | undefined, event: StepChange): StepState {
  const before: StepState = step ?? { status: 'running', attempts: 0 };
  const { version } = event;
  const isLate = isOlder(event, step);
  // Versions are at work side by side: the newest counts, but for what is asked.
  if (isLate && event.type !== 'STEP_WAIT') return before;
  switch (event.type) {
    case 'STEP_START': {
      const after: Changing = { status: 'running', input: event.input, attempts: 1, t0: event.t };
      if (version) after.version = version;
      else if (before.spent) after.spent = before.spent;
      return after;
    }
    case 'STEP_WAIT': {
      const { question, t: t0 } = event;
      // Of an older version, or to whoever hears late, it was not told here that it began: with what it asks.
      const known =
        step && isAtWork(step) && !isLate
          ? step
          : { input: question, attempts: 1, t0, ...(version && { version }) };
      return { ...known, status: 'waiting', question };
    }
    case 'STEP_RETRY':
      return { ...before, status: 'retrying', attempts: event.attempt, error: event.error };
    case 'STEP_SKIP':
      return {
        status: 'skipped',
        attempts: 0,
        t1: event.t,
        reason: event.reason,
        detail: event.detail,
      };
    case 'STEP_OUTPUT': {
      const { input, output, error, attempts, t0, t1, usage, adds } = event;
      // Field by field: to spread what may be absent takes several times as long.
      const status = error ? 'failure' : 'success';
      const after = { status, input } as Changing;
      if (output !== undefined) after.output = output;
      if (error) after.error = error;
      after.attempts = attempts;
      after.t0 = t0;
      after.t1 = t1;
      if (usage) after.usage = usage;
      if (before.spent) after.spent = before.spent;
      if (adds) after.adds = adds;
      return after;
    }
  }
}

/** A run that is over leaves no step at work: what had not ended was cancelled with it. */
function ended(
  snapshot: Snapshot,
  event: FlowEvent,
  end: Partial<Pick<Snapshot, 'status' | 'output' | 'error' | 'data'>>,
  current?: number,
): Snapshot {
  const { seq, t, version } = event;
  const table = tableFor(snapshot);
  if (version !== undefined && version < (snapshot.version ?? 0)) {
    const { output = snapshot.output } = end;
    return changed(snapshot, { output, seq });
  }
  // The newest version was dropped, because a step is at work on an older one: the state is what comes of that.
  if (current) return changed(snapshot, { version: current, seq });
  // In a live flow another version may be at work.
  const after = version === undefined ? stopped(snapshot, event) : table;
  return changed(snapshot, { ...end, seq, t1: t, version: version ?? snapshot.version }, after);
}

/** What was at work is cancelled; in a suspended run what leads to none of its questions, as items of `each` that were stopped because another one failed. */
function stopped(snapshot: Snapshot, event: FlowEvent): ReturnType<typeof tableFor> {
  const asking = new Set<string>();
  if ('questions' in event)
    for (const path of Object.keys(event.questions)) nearest(path, (name) => void asking.add(name));
  let table = tableFor(snapshot);
  eachRecord(table, (path, step) => {
    if (isAtWork(step) && !asking.has(path))
      table = withRecord(table, path, Object.freeze({ ...step, status: 'cancelled', t1: event.t }));
  });
  return table;
}

const isAtWork = ({ status }: StepState): boolean =>
  ['running', 'waiting', 'retrying'].includes(status);
