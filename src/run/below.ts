/** Steps that run inside the call of another step: items of `each`, rounds of `repeat`, flows with settings of their own. */
import { Observable, type Subscriber } from 'rxjs';
import { errorJson, FlowError } from '../errors.ts';
import type { StepSettings } from '../graph/definition.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import { Adds, Aside, Asked, Below, Result, Through } from '../wire/aside.ts';
import { isSimple } from '../wire/attempt.ts';
import { type Call, hostOf } from '../wire/context.ts';
import type { Host, Recorded } from '../wire/host.ts';
import { type Blockable, Blockables } from '../wire/limiter.ts';
import { stops } from '../wire/nest.ts';
import { type Plan, successOf } from '../wire/plan.ts';
import { schemaOfParams } from '../wire/plan-node.ts';
import type { Step, StepContext } from '../wire/step.ts';
import { usageOf } from './changes.ts';
import { checkedParams } from './checked.ts';
import { Execution } from './execution.ts';
import { type Adding, additionsOf, addTo, asAdditions } from './lists.ts';
import { AttemptsWork, type Retry, SimpleWork, type Workplace } from './work.ts';

/** A step that can be run below another one; a flow brings its plan. */
export type Runnable = Step & { readonly plan?: () => Plan };

/** Far deeper than what people write. Deeper goes only a flow that runs itself without an end. */
const deepest = 1000;

const tooDeep = (path: string): FlowError =>
  new FlowError(
    'step-failed',
    `Step "${path}" is a flow inside of ${deepest} others. Give a flow that runs itself an end.`,
    { path },
  );

/**
 * Runs a step as part of the step that is being called, at `context.path` + `segment`, for example `[3]`. What it tells is told in the run
 * around it. Emits asides, for the caller to pass on as they are, and last a `Result`; errors when the step fails. A step that had
 * succeeded when the run was stored gives the result that it had, where that counts.
 */
export function runBelow(
  step: Runnable,
  params: unknown,
  context: StepContext,
  segment: string,
  settings: StepSettings = {},
  counts: (recorded: Recorded) => boolean = () => true,
): Observable<Aside> {
  const host = (context as Call)[hostOf];
  const path = context.path + segment;
  const stored = segment === '' ? undefined : host.recorded(path);
  const recorded = stored && counts(stored) ? stored.outcome : undefined;
  return new Observable((out) => {
    if (recorded?.status === 'success') {
      for (const [name, items] of Object.entries(recorded.adds ?? {}))
        out.next(new Adds(name, items));
      out.next(new Result(recorded.value));
      out.complete();
      return;
    }
    // Whatever runs something inside of itself: mere code is not nested any further.
    const nest = step.plan || step.inner ? host.nest : undefined;
    const inTurn = (work: () => void): void => (nest ? nest.push({ work }) : work());
    const atEnd = (end: () => void): void =>
      inTurn(() => {
        if (!out.closed) end();
      });
    const below = new Reporter(host, path, params, (aside) => {
      const work = (): void => {
        if (!out.closed) out.next(aside);
      };
      if (nest) nest.tell({ work });
      else work();
    });
    const call = context as Call;
    call.below ??= new Blockables();
    call.below.all.add(below);
    out.add(() => {
      call.below?.all.delete(below);
      host.look?.();
    });
    const end: End = {
      stops: (stop) => out.add(nest ? () => stops.push({ work: stop }) : stop),
      done: (result) =>
        atEnd(() => {
          if (segment !== '') {
            const usage = usageOf(step, result);
            below.end({ output: result, ...(usage && { usage }) });
          }
          below.handOn();
          out.next(new Result(result));
          out.complete();
        }),
      fail: (error) =>
        atEnd(() => {
          if (segment !== '' && error.code !== 'cancelled') below.end({ error: errorJson(error) });
          out.error(error);
        }),
    };
    inTurn(() => {
      if (out.closed) return;
      if (step.plan && isSimple(settings))
        runFlow(step.plan(), params, host, path, segment !== '', below, end);
      else runCode(step, settings, params, host, path, below, out, end);
    });
  });
}

interface End {
  /** Gets what stops the rest. */
  stops(stop: () => void): void;
  done(result: unknown): void;
  fail(error: FlowError): void;
}

function runCode(
  step: Step,
  settings: StepSettings,
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
    // It takes no place under the limit of the run: the step around it has one.
    const callee = { id: below.id, path, step, settings, readsChunks: true };
    const place: Workplace<unknown> = {
      begin: (_, go) => go(),
      chunk: (_, chunk) => below.chunk(chunk),
      retry: (_, change) => below.retry(change),
      end: (_, outcome) => {
        if (outcome.status === 'failure') end.fail(outcome.error);
        else end.done(successOf(outcome));
      },
    };
    const work = isSimple(settings)
      ? new SimpleWork(place, undefined, input)
      : new AttemptsWork(place, undefined, input);
    // First: what it tells may be the reason to stop.
    below.inner = work;
    end.stops(() => work.stop());
    work.call(callee, host);
  };
  const schema = schemaOfParams(step);
  const checked = schema && checkedParams(schema, params, path);
  const go = (outcome: Awaited<typeof checked>): void => {
    if (out.closed) return;
    if (outcome?.status !== 'failure') run(outcome ? successOf(outcome) : params);
    else {
      below.start(params);
      end.fail(outcome.error);
    }
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
  end: End,
): void {
  if ((host.depth ?? 0) >= deepest) {
    host.giveUp?.(tooDeep(path));
    return;
  }
  const event = ({ path: at, stepId, runId, seq, t, ...change }: FlowEvent): void => {
    if (at !== path) below.pass(new Below(at, stepId, change as Change));
    else if (isTold && change.type === 'FLOW_START') below.start(change.input);
  };
  const execution = new Execution(
    plan,
    { clock: host.clock, logger: host.logger },
    {
      event,
      chunk: (chunk) => below.pass(new Through(chunk)),
      output: (output) => {
        for (const [name, items] of additionsOf(execution)) below.chunk(new Adds(name, items));
        end.done(output);
      },
      error: (error) => end.fail(error),
    },
    { prefix: path, host },
  );
  // First, so that it also stops what runs while it begins.
  below.inner = execution;
  end.stops(() => execution.cancel());
  execution.begin(params);
}

/** Tells of a step below. */
class Reporter implements Blockable {
  readonly id: string;
  /** What is at work there. */
  inner: Blockable | undefined;
  private readonly host: Host;
  private readonly path: string;
  readonly pass: (aside: Aside) => void;
  private input: unknown;
  private t0: number;
  private attempt = 1;
  private adding: Adding | undefined;

  constructor(host: Host, path: string, input: unknown, pass: (aside: Aside) => void) {
    this.id = path.slice(path.lastIndexOf('.') + 1);
    this.host = host;
    this.path = path;
    this.pass = pass;
    // A flow that begins while nobody hears does not say so.
    this.input = input;
    this.t0 = host.clock.now();
  }

  get isBlocked(): boolean | undefined {
    return this.inner?.isBlocked;
  }

  start(input: unknown): void {
    this.input = input;
    this.t0 = this.host.clock.now();
    this.tell({ type: 'STEP_START', input });
  }

  chunk(chunk: unknown): void {
    if (chunk instanceof Asked) this.tell({ type: 'STEP_WAIT', question: chunk.question });
    else if (chunk instanceof Adds) this.adding = addTo(this.adding, chunk);
    else if (chunk instanceof Aside) this.pass(chunk);
    else this.tell({ type: 'STEP_CHUNK', chunk });
  }

  retry(change: Retry): void {
    this.attempt = change.attempt + 1;
    this.tell(change);
  }

  /** What it adds to lists is told with its end, and handed on then. */
  handOn(): void {
    for (const [name, items] of this.adding ?? []) this.pass(new Adds(name, items));
  }

  end(end: Pick<Extract<Change, { type: 'STEP_OUTPUT' }>, 'output' | 'error' | 'usage'>): void {
    if (!this.host.listening) return;
    const t1 = this.host.clock.now();
    const adds = end.error ? undefined : asAdditions(this.adding);
    const { input, t0, attempt: attempts } = this;
    this.tell({ type: 'STEP_OUTPUT', input, ...end, t0, t1, attempts, ...(adds && { adds }) });
  }

  private tell(change: Change): void {
    if (this.host.listening) this.pass(new Below(this.path, this.id, change));
  }
}
