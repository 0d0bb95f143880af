/** One call of a handler: its result checked and frozen. */
import { errorJson, FlowError, showValue } from '../errors.ts';
import { validate, violation } from '../graph/schema.ts';
import { freeze } from '../plain.ts';
import { Adds, Aside } from './aside.ts';
import { consume, noValue, type OpenSink, type Sink } from './consume.ts';
import { Call, type Callee, hostOf } from './context.ts';
import type { Delivered, Host } from './host.ts';
import { type Stoppable, stopAll } from './limiter.ts';
import { placedError } from './placed-error.ts';

export interface CallSink extends Sink {
  /** Gets what stops the call before it is made: what the handler does, or what steps below it tell, may end the run. */
  called(call: Stoppable): void;
}

/** Calls a handler once and tells the sink what comes of it. What a stopped handler still delivers goes to the host as a late report. */
export function callOnce(
  callee: Callee,
  code: (call: Call) => unknown,
  host: Host,
  attempt: number,
  sink: CallSink,
): void {
  const call = new Call(host, callee, attempt);
  const checked = checkedSink(callee, call, sink);
  // The handler may end the run itself, and has yet to return then.
  host.deafness(1);
  try {
    consume(code(call), callee.step.reduce, checked);
  } catch (error) {
    checked.fail(error);
  }
  host.deafness(-1);
}

/** Tells the sink what comes of a call that has been made, and returned this. */
export function takeIn(callee: Callee, call: Call, returned: unknown, sink: CallSink): void {
  consume(returned, callee.step.reduce, checkedSink(callee, call, sink));
}

/** Tells the sink what a call that has been made threw. */
export const takeThrown = (callee: Callee, call: Call, error: unknown, sink: CallSink): void =>
  checkedSink(callee, call, sink).fail(error);

function checkedSink(callee: Callee, call: Call, sink: CallSink): CheckedSink {
  const checked = new CheckedSink(callee, call, sink);
  sink.called(checked);
  return checked;
}

/** Checks and freezes what passes, and turns what a handler throws into errors that say where. */
class CheckedSink implements OpenSink, Stoppable {
  isDone = false;
  private isStopped = false;
  private stopRest: (() => boolean) | undefined;
  private isDeaf = false;
  /** What an attempt adds counts when it has succeeded. */
  private readonly adds: Adds[] = [];
  private readonly callee: Callee;
  private readonly call: Call;
  private readonly sink: Sink;

  constructor(callee: Callee, call: Call, sink: Sink) {
    this.callee = callee;
    this.call = call;
    this.sink = sink;
  }

  get closed(): boolean {
    return this.sink.closed;
  }

  isBlocked(params: unknown): boolean | undefined {
    const { below, path, [hostOf]: host } = this.call;
    return (
      host.questions.isWaiting(path) ??
      (below?.all.size ? below.isBlocked : host.isReading?.(params))
    );
  }

  opened(stop: () => boolean): void {
    this.stopRest = stop;
    // The handler has ended the run itself.
    if (this.isStopped) this.stop();
  }

  stop(): void {
    this.isStopped = true;
    if (!this.isDone) this.call.abort();
    const stop = this.stopRest;
    this.stopRest = undefined;
    try {
      stopAll(() => {
        if (!stop?.()) return;
        // Something is still open: what that brings is waited for, to be reported.
        this.isDeaf = true;
        this.call[hostOf].deafness(1);
      });
    } catch (error) {
      // What its own end throws must not keep anything else from being stopped.
      this.call.log.error('Its teardown threw:', error);
      this.late({ error: errorJson(error) });
    }
  }

  chunk(value: unknown): void {
    if (this.isDone || this.sink.closed) {
      this.late({ value });
      return;
    }
    if (value instanceof Aside) {
      if (value instanceof Adds) this.adds.push(value);
      else this.sink.chunk(value);
      return;
    }
    const { step } = this.callee;
    let chunk = value;
    try {
      if (step.chunk)
        chunk = validate(step.chunk, value, (issues) => this.violation('chunk', value, issues));
      if (chunk instanceof Promise) throw this.notAtOnce(chunk);
      freeze(chunk);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.sink.chunk(chunk);
  }

  done(result: unknown): void {
    if (this.isDone) return;
    if (this.sink.closed) {
      this.late({ value: result });
      return;
    }
    const { output } = this.callee.step;
    let checked = result;
    try {
      if (output)
        checked = validate(output, result, (issues) => this.violation('result', result, issues));
      freeze(checked);
    } catch (error) {
      this.fail(error);
      return;
    }
    // What it holds is torn down before anyone goes on.
    this.isDone = true;
    this.stop();
    if (checked instanceof Promise)
      checked.then(freeze).then(
        (value) => this.succeed(value),
        (error: unknown) => this.failed(error),
      );
    else this.succeed(checked);
  }

  fail(error: unknown): void {
    if (this.isDone) return;
    if (!this.sink.closed) {
      this.isDone = true;
      this.call.abort();
      this.stop();
      this.failed(error);
    } else if (this.call.heeds(error)) this.heard();
    else this.late({ error: errorJson(error) });
  }

  // To tear down, too, may have been the end of it.

  private succeed(result: unknown): void {
    if (this.sink.closed) return;
    for (const adds of this.adds) this.sink.chunk(adds);
    this.sink.done(result);
  }

  private failed(error: unknown): void {
    if (!this.sink.closed) this.sink.fail(this.placed(error));
  }

  heard(): void {
    this.isDone = true;
    if (this.isDeaf) this.call[hostOf].deafness(-1);
    this.isDeaf = false;
  }

  private late(delivered: Delivered): void {
    this.call[hostOf].late(this.callee.path, this.callee.id, delivered);
    this.heard();
  }

  private violation(
    what: 'chunk' | 'result',
    value: unknown,
    issues: Parameters<typeof violation>[2],
  ): FlowError {
    const { path } = this.callee;
    return violation(
      'invalid-result',
      `Step "${path}" gave ${showValue(value)}, a ${what} that its schema refuses`,
      issues,
      path,
    );
  }

  private notAtOnce(late: Promise<unknown>): FlowError {
    late.catch(() => undefined);
    const { path } = this.callee;
    return new FlowError(
      'invalid-result',
      `A chunk of step "${path}" is a promise, or its schema answers in one, which would hold the stream up. Take what answers at once.`,
      { path },
    );
  }

  private placed(error: unknown): FlowError {
    const { path } = this.callee;
    if (error !== noValue) return placedError(error, path, this.call.attempt);
    return new FlowError(
      'invalid-result',
      `Step "${path}" has no result: the stream completed without a value. End it with defaultIfEmpty(null), or give the step reduce: 'collect'.`,
      { path },
    );
  }
}
