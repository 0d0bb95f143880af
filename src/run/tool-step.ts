/** A step of a flow that is a tool: it runs once for each call, side by side, and gives what came of them in the order of the calls. */
import { catchError, map, type Observable, of } from 'rxjs';
import { errorJson } from '../errors.ts';
import type { StepEntry } from '../graph/definition.ts';
import { present } from '../plain.ts';
import { Result } from '../wire/aside.ts';
import type { Handler, Step, StepContext } from '../wire/step.ts';
import { callsParam, type ToolCall, type ToolResult } from '../wire/tools.ts';
import { type Runnable, runBelow } from './below.ts';
import { together } from './together.ts';

export function toolStep({ step, settings }: StepEntry<Step>): Step {
  const { description, metadata } = step;
  const handler = (
    { [callsParam]: calls, ...bound }: Readonly<Record<string, unknown>>,
    context: StepContext,
  ) =>
    together(
      (calls as readonly ToolCall[]).map((call, i) => {
        // What the author has bound is not the model's to say.
        const params = Object.freeze({ ...(call.input as object), ...bound });
        return answered(call, runBelow(step as Runnable, params, context, `[${i}]`, settings));
      }),
    );
  return Object.freeze(present({ handler: handler as Handler, description, metadata }));
}

/** A call that fails is answered, too: with its error. */
function answered({ id, name }: ToolCall, run: Observable<unknown>): Observable<unknown> {
  const answer = (what: Pick<ToolResult, 'result' | 'error'>) =>
    new Result({ callId: id, name, ...what });
  return run.pipe(
    map((aside) => (aside instanceof Result ? answer({ result: aside.result }) : aside)),
    catchError((error: unknown) => of(answer({ error: errorJson(error) }))),
  );
}
