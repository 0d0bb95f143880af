/** What a run needs before it starts: its id, claimed; the memory of the run that it continues; the state that it goes on from. */
import {
  concatMap,
  defaultIfEmpty,
  from,
  type MonoTypeOperatorFunction,
  map,
  type Observable,
  type ObservableInput,
  of,
  take,
  throwError,
} from 'rxjs';
import { FlowError, listed } from '../errors.ts';
import { readInput } from '../graph/check-input.ts';
import { freeze, present, settledCopy } from '../plain.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import { emptySnapshot, type FlowIdentity, revive, type Snapshot } from '../state/snapshot.ts';
import { schedulerClock } from '../wire/clock.ts';
import type { Plan } from '../wire/plan.ts';
import { notOpen } from '../wire/questions.ts';
import { asItStood } from './lists.ts';
import { idOf, type RunOptions, withId } from './options.ts';
import { changedSteps, recordedIn } from './recorded.ts';
import { type Claim, claimedSnapshot, type Saver } from './saver.ts';
import { type SavingOptions, savingGate } from './saving.ts';
import type { Setup } from './setup.ts';

/** The flow that is run. */
export interface RunnableFlow {
  readonly plan: Plan;
  /** Its hash, and with a saver those of its steps. Asked for only when it is needed. */
  identity(isSaved: boolean): FlowIdentity;
}

export interface Prepared {
  readonly input: unknown;
  /** The state before the first event of this process. */
  readonly snapshot: Snapshot;
  readonly options: RunOptions;
  setup(tell: (change: Change) => void): Setup;
}

/** A new run, perhaps one that continues another. Ready at once where nothing must be stored or loaded. */
export function newRun(
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
): Prepared | Observable<Prepared> {
  const { parentId } = options;
  if (!options.saver && parentId === undefined) return new Unsaved(flow, input, options);
  const saver = saverOf(flow, options, 'continue');
  const placed = withId(options);
  const { id: runId } = placed;
  const snapshot = emptySnapshot(runId, flow.identity(true));
  // Its owner may change it before the run begins.
  let given: unknown;
  try {
    given = readInput(flow.plan.definition, input, settledCopy);
  } catch (error) {
    return throwError(() => error);
  }
  return memoryOf(saver, parentId).pipe(
    concatMap((memory) =>
      claimed(saver, snapshot, placed, given).pipe(
        map(
          (stored): Prepared => ({
            input: given,
            snapshot,
            options: placed,
            setup: (tell) => ({ memory, gate: gateOf(placed, stored, tell) }),
          }),
        ),
      ),
    ),
  );
}

/** A run that nobody keeps. Perhaps nobody reads its state either: then none is made. */
class Unsaved implements Prepared {
  readonly input: unknown;
  readonly options: RunOptions;
  private readonly flow: RunnableFlow;
  private empty: Snapshot | undefined;

  constructor(flow: RunnableFlow, input: unknown, options: RunOptions) {
    this.flow = flow;
    this.input = input;
    this.options = options;
  }

  get snapshot(): Snapshot {
    this.empty ??= emptySnapshot(idOf(this.options), lazily(this.flow));
    return this.empty;
  }

  setup(): Setup {
    return {};
  }
}

const memoryOf = (
  saver: Saver,
  parentId: string | undefined,
): Observable<Snapshot['data'] | undefined> =>
  parentId === undefined
    ? of(undefined)
    : stored(saver, parentId, 'continue').pipe(map((parent) => parent.data));

export interface ResumeOptions extends Omit<RunOptions, 'id' | 'parentId'> {
  /** Answers to open questions, by the path of their step. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** Goes on although the flow has changed since the run was stored. */
  readonly allowChanged?: boolean;
}

/** A stored run that goes on. */
export function resumedRun(
  flow: RunnableFlow,
  runId: string,
  options: RunOptions & ResumeOptions,
): Observable<Prepared> {
  const { answers, allowChanged = false, ...others } = options;
  const saver = saverOf(flow, others, 'resume');
  return stored(saver, runId, 'resume').pipe(
    concatMap((snapshot): Observable<Prepared> => {
      refuseOtherFlow(flow, snapshot, allowChanged);
      refuseAnswers(snapshot, answers);
      const placed = { ...others, id: runId };
      if (snapshot.seq < 0) return begunAgain(saver, snapshot, placed);
      return of({
        input: snapshot.input,
        snapshot,
        options: placed,
        setup: (tell) => ({
          isChecked: wasChecked(snapshot),
          before: snapshot,
          memory: asItStood(snapshot.data, runId),
          recorded: recordedIn(snapshot),
          answers,
          gate: gateOf(placed, snapshot, tell),
        }),
      });
    }),
  );
}

/** Whether the input of a stored run is what its schema made of it: one that was refused is stored as it came. */
export const wasChecked = ({ error }: Snapshot): boolean => error?.code !== 'invalid-input';

/** A run whose process ended before its first commit was stored: nothing of it is known but what it was to begin with. */
function begunAgain(saver: Saver, snapshot: Snapshot, options: RunOptions): Observable<Prepared> {
  const { runId, parentId, input } = snapshot;
  if (input === undefined) {
    throw new FlowError(
      'run-not-found',
      `The run "${runId}" was claimed, but its beginning was never stored. Delete it with saver.delete("${runId}"), and start or fork it again`,
    );
  }
  const placed = { ...options, parentId } as RunOptions;
  return memoryOf(saver, parentId).pipe(
    map((memory) => ({
      input,
      snapshot,
      options: placed,
      setup: (tell) => ({ memory, gate: gateOf(placed, snapshot, tell, { isTakenOver: true }) }),
    })),
  );
}

/** Makes sure that nobody else has the id of a new run. Gives the state that is stored from then on. */
export function claimed(
  saver: Saver,
  { runId, flow }: Snapshot,
  { parentId, clock = schedulerClock }: RunOptions,
  input?: unknown,
): Observable<Snapshot> {
  const claim: Claim = present({ runId, flow, parentId, input, t: clock.now() });
  return first(saver.claim(claim)).pipe(map(() => claimedSnapshot(claim)));
}

/** The last state of a stored run. */
export function stored(saver: Saver, runId: string, what: string): Observable<Snapshot> {
  return first(saver.load(runId)).pipe(
    map((snapshot) => {
      if (snapshot) return revive(freeze(snapshot));
      throw new FlowError(
        'run-not-found',
        `There is no run "${runId}" to ${what}. flow.list() shows those that the saver knows`,
      );
    }),
  );
}

export function saverOf(flow: RunnableFlow, { saver }: RunOptions, what: string): Saver {
  if (saver) return saver;
  throw new FlowError(
    'invalid-option',
    `To ${what} a run of "${flow.plan.definition.id}" needs the saver that keeps it. Give the option "saver", or flow.with({ saver })`,
  );
}

export const gateOf = (
  { saver, durability, maxPending }: RunOptions,
  snapshot: Snapshot,
  tell: (change: Change) => void,
  beginning: Pick<SavingOptions, 'isTakenOver' | 'together'> = {},
): MonoTypeOperatorFunction<FlowEvent> | undefined =>
  saver && savingGate({ saver, durability, maxPending, stored: snapshot, tell, ...beginning });

/** What a saver answers, once; no answer at all counts as undefined. */
const first = <T>(source: ObservableInput<T>): Observable<T | undefined> =>
  from(source).pipe(take(1), defaultIfEmpty(undefined));

/** Without a saver nobody may ever read the hash, and for a large flow it takes its time. */
export const lazily = (flow: RunnableFlow): FlowIdentity => ({
  id: flow.plan.definition.id,
  get hash() {
    return flow.identity(false).hash;
  },
});

function refuseOtherFlow(
  flow: RunnableFlow,
  { runId, flow: known, status }: Snapshot,
  allowChanged: boolean,
): void {
  const now = flow.identity(true);
  if (known.id !== now.id)
    throw new FlowError(
      'definition-changed',
      `The run "${runId}" is one of the flow "${known.id}", not of "${now.id}". Resume it with that flow`,
    );
  if (status === 'success')
    throw new FlowError(
      'invalid-option',
      `The run "${runId}" has ended in success: there is nothing to resume. Load its state, or fork it`,
    );
  if (known.hash === now.hash || allowChanged) return;
  const steps = changedSteps(known.steps ?? {}, now.steps ?? {});
  throw new FlowError(
    'definition-changed',
    `The flow "${now.id}" has changed since the run "${runId}" was stored. Different are: ${listed(steps, 'its input or outputs')}. Resume it with the flow as it was, or { allowChanged: true }`,
    {
      issues: steps.map((path) => ({ path, message: 'is different' })),
    },
  );
}

/** Throws for an answer to what is not asked: before anything goes on. */
function refuseAnswers({ steps }: Snapshot, answers: object = {}): void {
  const isOpen = (path: string) => steps[path]?.status === 'waiting';
  const wrong = Object.keys(answers).find((path) => !isOpen(path));
  if (wrong === undefined) return;
  throw notOpen(wrong, steps[wrong]?.status === 'success', Object.keys(steps).filter(isOpen));
}
