/** Running a flow in virtual time and writing down all that happens. */
import { type Observable, Subscription } from 'rxjs';
import {
  type CompiledFlow,
  emptySnapshot,
  type FlowError,
  type FlowEvent,
  isFinal,
  Live,
  type Run,
  type RunOptions,
  reduce,
  type Snapshot,
  schedulerClock,
} from '../index.ts';
import type { Values } from './cold.ts';
import { FlowTrace } from './flow-trace.ts';
import { hop } from './real-host.ts';
import { realmHere, type VirtualOptions } from './realm.ts';
import { type Told, Tracer } from './step-trace.ts';
import type { Stubs } from './stub.ts';
import { type Called, stubSteps } from './stub-steps.ts';
import type { Rows } from './trace-rows.ts';
import { type VirtualTime, virtual } from './virtual.ts';

/** What a trace may be told, beside the flow. */
export interface TracingOptions extends VirtualOptions {
  /** What characters stand for, in stubs and in rows. The others stand for themselves. */
  readonly values?: Values;
  /** The trace ends so many ms after its beginning, and what still runs then is cancelled. By default it ends when nothing more happens. */
  readonly until?: number;
}

/** What a run may be told while it runs: answers, cancellation. Called when it has started, in virtual time. If its promise is rejected, that of the trace is. */
export type Meanwhile<Traced> = (traced: Traced, time: VirtualTime) => unknown;

export interface TraceOptions<Output = unknown> extends TracingOptions, Omit<RunOptions, 'clock'> {
  /** Instead of steps, by path or id: marbles, code, or what was recorded. All others run for real. */
  readonly steps?: Stubs;
  readonly meanwhile?: Meanwhile<Run<Output>>;
}

/**
 * Runs a flow in virtual time and writes down what becomes of each of its steps. Resolves also when the run fails, is
 * cancelled or suspended: all of it can be read off the trace.
 *
 * @example
 * const trace = await traceFlow(digest, { url }, { steps: { page: '500ms (p|)' }, values: { p: { title: 'Rivers' } } })
 * expect(trace).toMatchMarbles(`
 *   page   500ms (p|)
 *   mail   500ms 20ms (m|)
 * `)
 */
export function traceFlow<Input, Output>(
  flow: CompiledFlow<Input, Output>,
  input: Input,
  options: TraceOptions<Output> = {},
): Promise<FlowTrace<Output>> {
  const { steps, meanwhile, values, until, start, realLimitMs, maxSteps, freeze, ...run } = options;
  return tracing(flow, options, (hear, time) => {
    const subject = stubSteps(flow, steps, values, hear).start(input, run);
    return { subject, beside: meanwhile?.(subject, time) };
  });
}

/**
 * Writes down a run, or a live flow, that is begun in virtual time by other means than `traceFlow`: resumed, forked,
 * continued. Give it a flow made by `stubSteps`.
 *
 * @example
 * const trace = await traceRun(flow, () => flow.resume(runId, { saver }))
 */
export const traceRun = <Input, Output>(
  flow: CompiledFlow<Input, Output>,
  begin: (time: VirtualTime) => Run<Output> | Live<Input, Output>,
  options: TracingOptions = {},
): Promise<FlowTrace<Output>> => tracing(flow, options, (_, time) => ({ subject: begin(time) }));

interface Traced<Input, Output> {
  readonly subject: Run<Output> | Live<Input, Output>;
  /** Input rows of a live flow. */
  readonly inputs?: Rows;
  /** What `meanwhile` gave: where it is a promise, the trace fails if it does. */
  readonly beside?: unknown;
  /** Called when all listen. */
  readonly go?: () => void;
}

type Begin<Input, Output> = (hear: Called, time: VirtualTime) => Traced<Input, Output>;

/** `begin` gives what is traced, and passes on what it hears of calls. */
export function tracing<Input, Output>(
  flow: CompiledFlow<Input, Output>,
  options: TracingOptions,
  begin: Begin<Input, Output>,
): Promise<FlowTrace<Output>> {
  const trace = (time: VirtualTime) => traced(flow, options, time, begin);
  const realm = realmHere();
  // Inside of virtual time that is there already, times count from now on.
  return realm ? trace(realm) : virtual(trace, options);
}

async function traced<Input, Output>(
  flow: CompiledFlow<Input, Output>,
  { values = {}, until }: TracingOptions,
  time: VirtualTime,
  begin: Begin<Input, Output>,
): Promise<FlowTrace<Output>> {
  const origin = time.now;
  const since = Date.now();
  const now = () => time.now - origin;
  const tracer = new Tracer();
  const events: FlowEvent[] = [];
  const outputs: Told[] = [];
  const all = new Subscription();
  let error: unknown;
  const { subject, inputs, beside, go } = begin(
    ({ path, attempt }) => tracer.called(path, attempt, now()),
    time,
  );
  const listen = <T>(source$: Observable<T>, next: (value: T) => void): Promise<void> =>
    new Promise((resolve) => {
      const failed = (thrown: unknown) => {
        error = thrown;
        resolve();
      };
      all.add(source$.subscribe({ next, error: failed, complete: resolve }));
    });
  let completed: number | undefined;
  const over = listen(subject.events$, (event) => {
    events.push(event);
    tracer.hear(event, event.t - since);
  }).then(() => {
    completed = now();
  });
  void listen(subject.output$, (value) => outputs.push({ at: now(), value }));
  const failure = Promise.resolve(beside).then(() => new Promise<never>(() => {}));
  const failed = failure.catch(() => {});
  go?.();
  await Promise.race([over, failed, time.idle(), ...(until === undefined ? [] : [elapsed(until)])]);
  const end = now();
  all.unsubscribe();
  const snapshot = subject instanceof Live ? stateAfter(flow, events) : subject.getSnapshot();
  if (subject instanceof Live) subject.stop();
  else if (!events.some(isFinal)) subject.cancel('the trace is over');
  // What it does at the end of the run is heard as well; time does not move for it any more.
  await Promise.race([failure, hop()]);
  return new FlowTrace<Output>({
    flow,
    events,
    steps: tracer.steps,
    inputs,
    outputs,
    since,
    end,
    isLive: subject instanceof Live,
    completed: error === undefined ? completed : undefined,
    values,
    snapshot,
    notes: time.notes,
    ...(error !== undefined && { error: error as FlowError }),
  });
}

function stateAfter(
  { id, hash }: { readonly id: string; readonly hash: string },
  events: readonly FlowEvent[],
): Snapshot {
  return events.reduce(reduce, emptySnapshot(events[0]?.runId ?? 'live', { id, hash }));
}

/** However long: timers of the host hold 25 days at most. */
const elapsed = (ms: number): Promise<void> =>
  new Promise((resolve) => void schedulerClock.after(ms, resolve));
