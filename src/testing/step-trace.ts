/** What became of the steps of a run, put together from its events. */
import type { ErrorJson, FlowEvent, SkipDetail, SkipReason } from '../index.ts';

/** A value, and when it came. Times are in ms from the beginning of the trace. */
export interface Told {
  readonly at: number;
  readonly value: unknown;
}

/** One call of a step. */
export interface AttemptTrace {
  readonly start: number;
  /** None where it was still at work at the end of the trace. */
  end?: number;
  readonly chunks: Told[];
  error?: ErrorJson;
}

/** One step of a run; in a live flow, one version on its way through it. */
export interface StepTrace {
  readonly path: string;
  readonly version: number | undefined;
  readonly input?: unknown;
  /** None for a step that was skipped. */
  readonly attempts: AttemptTrace[];
  /** The questions that it put. */
  readonly asked: Told[];
  /** What it delivered although it had been stopped. */
  readonly late: Told[];
  outcome?: 'success' | 'failure' | 'skipped' | 'cancelled';
  /** When it had its outcome. */
  at?: number;
  output?: unknown;
  error?: ErrorJson;
  reason?: SkipReason;
  detail?: SkipDetail;
}

type StepEvent = Extract<FlowEvent, { type: `STEP_${string}` }>;

/** Hears the events of a run, and of each call of a step, which no event tells. */
export class Tracer {
  readonly steps: StepTrace[] = [];
  private readonly newest = new Map<string, StepTrace>();
  private readonly atWork = new Set<StepTrace>();
  /** Where calls are heard of. Elsewhere an attempt begins when its delay is over. */
  private readonly heard = new Set<string>();
  /** Calls that no event has told the reason of yet, by path and attempt. */
  private readonly calls = new Map<string, number[]>();
  private readonly expected = new Map<StepTrace, number>();

  /** `at` is when it happened. */
  hear(event: FlowEvent, at: number): void {
    if (event.type.startsWith('STEP_')) this.hearStep(event as StepEvent, at);
    // In a live flow that is the end of a version only, and others may be at work.
    else if (event.type !== 'FLOW_START' && event.version === undefined) this.stopAll('', at);
  }

  /** The step at a path is called: for the first time, or again. Of a run that has begun before anyone listened, calls are heard of first. */
  called(path: string, attempt: number, at: number): void {
    this.heard.add(path);
    if (attempt < 2) return;
    for (const step of this.atWork) {
      if (step.path !== path || step.attempts.at(-1)?.end === undefined) continue;
      step.attempts.push({ start: at, chunks: [] });
      return;
    }
    const key = `${path} ${attempt}`;
    this.calls.set(key, [...(this.calls.get(key) ?? []), at]);
  }

  /** Everything below a path that is at work stops. */
  stopAll(path: string, at: number): void {
    for (const step of this.atWork) {
      if (!step.path.startsWith(path)) continue;
      this.begin(step, at);
      this.stop(step, at);
      this.atWork.delete(step);
      step.outcome = 'cancelled';
      step.at = at;
    }
  }

  private hearStep(event: StepEvent, at: number): void {
    const { path, version } = event;
    if (event.type === 'STEP_START') {
      const attempts = [{ start: at, chunks: [] }];
      this.add({ path, version, input: event.input, attempts, asked: [], late: [] });
      return;
    }
    const known = this.stepOf(path, version);
    // What one attempt of the flow around it has run, another one may leave out.
    const isAnew =
      event.type === 'STEP_SKIP' && event.reason !== 'superseded' && known.outcome !== undefined;
    const step = isAnew ? this.unknown(path, version) : known;
    if (event.type === 'STEP_CHUNK') {
      this.begin(step, at);
      step.attempts.at(-1)?.chunks.push({ at, value: event.chunk });
    } else if (event.type === 'STEP_WAIT') step.asked.push({ at, value: event.question });
    else if (event.type === 'STEP_LATE') step.late.push({ at, value: event.error ?? event.value });
    else {
      this.stopAll(`${path}.`, at);
      this.stopAll(`${path}[`, at);
      this.end(step, event, at);
    }
  }

  private end(
    step: StepTrace,
    event: Extract<StepEvent, { type: 'STEP_RETRY' | 'STEP_OUTPUT' | 'STEP_SKIP' }>,
    at: number,
  ): void {
    this.begin(step, at);
    this.stop(step, at);
    step.at = at;
    if (event.type === 'STEP_SKIP') {
      this.atWork.delete(step);
      step.outcome = event.reason === 'superseded' ? 'cancelled' : 'skipped';
      step.reason = event.reason;
      step.detail = event.detail;
      return;
    }
    const attempt = step.attempts.at(-1);
    if (event.error && attempt) attempt.error ??= event.error;
    if (event.type === 'STEP_RETRY') {
      const start = this.calls.get(`${step.path} ${event.attempt + 1}`)?.shift();
      if (start !== undefined) step.attempts.push({ start, chunks: [] });
      else if (!this.heard.has(step.path)) this.expected.set(step, at + event.delay);
      return;
    }
    this.atWork.delete(step);
    step.outcome = event.error ? 'failure' : 'success';
    if (event.error) step.error = event.error;
    else step.output = event.output;
  }

  /** An attempt that was expected has begun, if its time has come. */
  private begin(step: StepTrace, at: number): void {
    const start = this.expected.get(step);
    if (start === undefined || start > at) return;
    this.expected.delete(step);
    step.attempts.push({ start, chunks: [] });
  }

  private stop(step: StepTrace, at: number): void {
    const attempt = step.attempts.at(-1);
    if (attempt) attempt.end ??= at;
  }

  private add(step: StepTrace): StepTrace {
    this.steps.push(step);
    this.atWork.add(step);
    this.newest.set(step.path, step);
    if (step.version !== undefined) this.newest.set(`${step.path} ${step.version}`, step);
    return step;
  }

  private stepOf(path: string, version: number | undefined): StepTrace {
    const known = this.newest.get(version === undefined ? path : `${path} ${version}`);
    return known ?? this.unknown(path, version);
  }

  /** One that was not heard to start. */
  private unknown(path: string, version: number | undefined): StepTrace {
    return this.add({ path, version, attempts: [], asked: [], late: [] });
  }
}
