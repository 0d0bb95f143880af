/** Steps that run for real in virtual time: time must know what they wait for. */
import { isObservable, Observable } from 'rxjs';
import type { Handler, Step, StepContext } from '../index.ts';
import { bindContext } from './context.ts';
import { inHandler, waiting } from './in-handler.ts';

type Call = (params: unknown, context: StepContext) => unknown;

/** The same step; `called` hears of each of its calls. */
export function realStep(step: Step, called: (context: StepContext) => void): Step {
  const handler = step.handler as unknown as Call;
  const run: Call = (params, context) => {
    called(context);
    // A question waits for somebody else, which is no work at all.
    if (step.answer) return handler(params, context);
    return inHandler(`step "${context.path}"`, () => handler(followed(params), context));
  };
  return { ...step, handler: run as Handler };
}

/** The params, with the streams in them made known to virtual time. */
function followed(params: unknown): unknown {
  if (isObservable(params)) return awaited(params);
  if (typeof params !== 'object' || params === null) return params;
  const parts = Object.entries(params);
  if (!parts.some(([, part]) => isObservable(part))) return params;
  return Object.freeze(
    Object.fromEntries(
      parts.map(([name, part]) => [name, isObservable(part) ? awaited(part) : part]),
    ),
  );
}

/**
 * Whoever waits for the chunks of another step does no real work meanwhile, and what it does with a
 * chunk is its own work, not that of the step which gave it.
 */
const awaited = (source: Observable<unknown>): Observable<unknown> =>
  new Observable((out) => {
    out.add(waiting());
    let todo = () => {};
    const here = bindContext(() => todo());
    const within = (task: () => void) => {
      todo = task;
      here();
    };
    out.add(
      source.subscribe({
        next: (chunk) => within(() => out.next(chunk)),
        error: (error: unknown) => within(() => out.error(error)),
        complete: () => within(() => out.complete()),
      }),
    );
  });
