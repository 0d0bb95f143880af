/** Steps that run inside the call of another step: items of `each`, rounds of `repeat`, flows with settings of their own. */
import { Observable } from 'rxjs';
import { errorJson, type FlowError } from '../errors.ts';
import { freeze } from '../graph/plain.ts';
import { validate, violation } from '../graph/schema.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import { Aside, Below, Result, Through } from '../wire/aside.ts';
import { type Call, callOnce, type Host, hostOf, placedError } from '../wire/call.ts';
import type { Plan } from '../wire/plan.ts';
import type { Handler, Step, StepContext } from '../wire/step.ts';
import { Execution } from './execution.ts';

/** A step that can be run below another one; a flow brings its plan. */
export type Runnable = Step & { readonly plan?: () => Plan };

/**
 * Runs a step as part of the step that is being called, at `context.path` + `segment`, for example `[3]`. What it tells is told in the run
 * around it. Emits asides, for the caller to pass on as they are, and last a `Result`; errors when the step fails.
 */
export function runBelow(
  step: Runnable,
  params: unknown,
  context: StepContext,
  segment: string,
): Observable<Aside> {
  const host = (context as Call)[hostOf];
  const path = context.path + segment;
  const id = path.slice(path.lastIndexOf('.') + 1);
  return step.plan
    ? flowBelow(step.plan(), params, host, path, segment === '' ? undefined : id)
    : callBelow(step, params, host, path, id);
}

function callBelow(
  step: Step,
  params: unknown,
  host: Host,
  path: string,
  id: string,
): Observable<Aside> {
  return new Observable((out) => {
    const report = reporter(host, path, id, (below) => out.next(below));
    const run = (input: unknown): void => {
      report.start(input);
      const sink = {
        get closed() {
          return out.closed;
        },
        chunk: (chunk: unknown) => {
          if (chunk instanceof Aside) out.next(chunk);
          else report.tell({ type: 'STEP_CHUNK', chunk });
        },
        done: (result: unknown) => {
          report.end({ output: result, ...(step.usage && { usage: step.usage(result as never) }) });
          out.next(new Result(result));
          out.complete();
        },
        fail,
      };
      out.add(
        callOnce(
          { id, path, step },
          (call) => (step.handler as Handler<unknown>)(input, call),
          host,
          1,
          sink,
        ),
      );
    };
    const fail = (error: unknown): void => {
      report.end({ error: errorJson(error) });
      out.error(error);
    };
    const refuse = (error: unknown): void => {
      report.start(params);
      fail(placedError(error, path, 1));
    };
    if (!step.input) return run(params);
    try {
      const input = validate(step.input, params, (issues) =>
        violation('invalid-params', `The params of step "${path}" are not valid`, issues, path),
      );
      if (input instanceof Promise) input.then((value) => out.closed || run(freeze(value)), refuse);
      else run(freeze(input));
    } catch (error) {
      refuse(error);
    }
  });
}

/** Where the flow has a segment of its own it is told as a step there; otherwise the step around it tells for it. */
function flowBelow(
  plan: Plan,
  params: unknown,
  host: Host,
  path: string,
  id: string | undefined,
): Observable<Aside> {
  return new Observable((out) => {
    const report =
      id === undefined ? undefined : reporter(host, path, id, (below) => out.next(below));
    const event = ({ path: at, stepId, runId, seq, t, ...change }: FlowEvent): void => {
      if (at !== path) out.next(new Below(at, stepId, change as Change));
      else if (change.type === 'FLOW_START') report?.start(change.input);
    };
    const execution = new Execution(
      plan,
      { id: host.runId, clock: host.clock, logger: host.logger },
      {
        event: host.listening ? event : undefined,
        chunk: (chunk) => out.next(new Through(chunk)),
        output: (output) => {
          report?.end({ output });
          out.next(new Result(output));
          out.complete();
        },
        error: (error: FlowError) => {
          if (error.code !== 'cancelled') report?.end({ error: errorJson(error) });
          out.error(error);
        },
        late: (at, stepId, delivered) => host.late(at, stepId, delivered),
        deafness: (change) => host.deafness(change),
      },
      path,
    );
    out.add(() => execution.cancel());
    execution.begin(params);
  });
}

/** Tells of a step below that it started and ended. */
function reporter(host: Host, path: string, id: string, pass: (below: Below) => void) {
  let input: unknown;
  let t0 = 0;
  const tell = (change: Change): void => {
    if (host.listening) pass(new Below(path, id, change));
  };
  return {
    tell,
    start(given: unknown): void {
      input = given;
      t0 = host.listening ? host.clock.now() : 0;
      tell({ type: 'STEP_START', input });
    },
    end(end: Pick<Extract<Change, { type: 'STEP_OUTPUT' }>, 'output' | 'error' | 'usage'>): void {
      if (host.listening)
        tell({ type: 'STEP_OUTPUT', input, ...end, t0, t1: host.clock.now(), attempts: 1 });
    },
  };
}
