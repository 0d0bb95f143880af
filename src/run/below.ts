/** Steps that run inside the call of another step: items of `each`, rounds of `repeat`, flows with settings of their own. */
import { Observable, type Subscriber } from 'rxjs';
import { errorJson, type FlowError } from '../errors.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import { Activity, Aside, Asked, Below, Result, Through } from '../wire/aside.ts';
import { type Call, callOnce, type Host, hostOf } from '../wire/call.ts';
import type { Plan } from '../wire/plan.ts';
import type { Handler, Step, StepContext } from '../wire/step.ts';
import { checkedParams } from './checked.ts';
import { Execution } from './execution.ts';

/** A step that can be run below another one; a flow brings its plan. */
export type Runnable = Step & { readonly plan?: () => Plan };

const begins = new Activity(1, 0);
const ends = new Activity(-1, 0);
const waits = new Activity(-1, 1);
const goesOn = new Activity(1, -1);

/**
 * Runs a step as part of the step that is being called, at `context.path` + `segment`, for example `[3]`. What it tells is told in the run
 * around it. Emits asides, for the caller to pass on as they are, and last a `Result`; errors when the step fails. A step that had
 * succeeded when the run was stored gives the result that it had.
 */
export function runBelow(
  step: Runnable,
  params: unknown,
  context: StepContext,
  segment: string,
): Observable<Aside> {
  const host = (context as Call)[hostOf];
  const path = context.path + segment;
  const recorded = segment === '' ? undefined : host.recorded(path)?.outcome;
  return new Observable((out) => {
    if (recorded?.status === 'success') {
      out.next(new Result(recorded.value));
      out.complete();
      return;
    }
    const below = new Reporter(host, path, (aside) => out.next(aside));
    const listener = {
      done: (result: unknown) => {
        if (segment !== '')
          below.end({ output: result, ...(step.usage && { usage: step.usage(result as never) }) });
        out.next(ends);
        out.next(new Result(result));
        out.complete();
      },
      fail: (error: FlowError) => {
        if (segment !== '' && error.code !== 'cancelled') below.end({ error: errorJson(error) });
        out.next(ends);
        out.error(error);
      },
    };
    out.next(begins);
    if (step.plan) runFlow(step.plan(), params, host, path, segment !== '', below, out, listener);
    else runCode(step, params, host, path, below, out, listener);
  });
}

interface End {
  done(result: unknown): void;
  fail(error: FlowError): void;
}

function runCode(
  step: Step,
  params: unknown,
  host: Host,
  path: string,
  below: Reporter,
  out: Subscriber<Aside>,
  end: End,
): void {
  const run = (input: unknown): void => {
    below.start(input);
    if (out.closed) return;
    const sink = {
      get closed() {
        return out.closed;
      },
      chunk: (chunk: unknown) => below.chunk(chunk),
      done: (result: unknown) => end.done(result),
      fail: (error: unknown) => end.fail(error as FlowError),
    };
    const handler = step.handler as Handler<unknown>;
    out.add(callOnce({ id: below.id, path, step }, (call) => handler(input, call), host, 1, sink));
  };
  const checked = step.input ? checkedParams(step.input, params, path) : undefined;
  const go = (outcome: Awaited<typeof checked>): void => {
    if (out.closed) return;
    if (outcome?.status !== 'failure') {
      run(outcome?.status === 'success' ? outcome.value : params);
      return;
    }
    below.start(params);
    end.fail(outcome.error);
  };
  if (checked instanceof Promise) void checked.then(go);
  else go(checked);
}

/** A flow with a segment of its own is told as a step there; otherwise the step around it tells for it. */
function runFlow(
  plan: Plan,
  params: unknown,
  host: Host,
  path: string,
  isTold: boolean,
  below: Reporter,
  out: Subscriber<Aside>,
  end: End,
): void {
  const event = ({ path: at, stepId, runId, seq, t, ...change }: FlowEvent): void => {
    if (at !== path) below.pass(new Below(at, stepId, change as Change));
    else if (isTold && change.type === 'FLOW_START') below.start(change.input);
  };
  const execution = new Execution(
    plan,
    { id: host.runId, clock: host.clock, logger: host.logger },
    {
      event: host.listening ? event : undefined,
      chunk: (chunk) => below.pass(new Through(chunk)),
      output: (output) => end.done(output),
      error: (error) => end.fail(error),
      blocked: (isBlocked) => below.pass(isBlocked ? waits : goesOn),
    },
    { prefix: path, host },
  );
  // First, so that it also stops what runs while it begins.
  out.add(() => execution.cancel());
  execution.begin(params);
}

/** Tells of a step below. */
class Reporter {
  readonly id: string;
  private readonly host: Host;
  private readonly path: string;
  readonly pass: (aside: Aside) => void;
  private input: unknown;
  private t0 = 0;
  private isWaiting = false;

  constructor(host: Host, path: string, pass: (aside: Aside) => void) {
    this.id = path.slice(path.lastIndexOf('.') + 1);
    this.host = host;
    this.path = path;
    this.pass = pass;
  }

  start(input: unknown): void {
    this.input = input;
    this.t0 = this.host.listening ? this.host.clock.now() : 0;
    this.tell({ type: 'STEP_START', input });
  }

  chunk(chunk: unknown): void {
    if (chunk instanceof Asked) {
      this.isWaiting = true;
      this.tell({ type: 'STEP_WAIT', question: chunk.question });
      this.pass(waits);
    } else if (chunk instanceof Aside) this.pass(chunk);
    else this.tell({ type: 'STEP_CHUNK', chunk });
  }

  end(end: Pick<Extract<Change, { type: 'STEP_OUTPUT' }>, 'output' | 'error' | 'usage'>): void {
    if (this.isWaiting) this.pass(goesOn);
    if (!this.host.listening) return;
    const t1 = this.host.clock.now();
    this.tell({ type: 'STEP_OUTPUT', input: this.input, ...end, t0: this.t0, t1, attempts: 1 });
  }

  private tell(change: Change): void {
    if (this.host.listening) this.pass(new Below(this.path, this.id, change));
  }
}
