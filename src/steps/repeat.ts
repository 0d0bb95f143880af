/** A step that runs another one again and again: a loop, so that the graph stays without cycles. */
import { Observable, type Subscription } from 'rxjs';
import { type Checks, check, code, needed, whole } from '../graph/settings.ts';
import { freeze } from '../plain.ts';
import { type Runnable, runBelow } from '../run/below.ts';
import { Result, Through } from '../wire/aside.ts';
import {
  type Code,
  type CodeParams,
  type CodeResult,
  type Step,
  type StepContext,
  toStep,
} from '../wire/step.ts';
import { subscribeTo } from '../wire/subscribe.ts';

export interface RepeatOptions<Params, Result> {
  /** Whether another round is wanted after this result. Rounds are counted from 0. */
  readonly while: (result: Result, round: number) => boolean;
  /** The most rounds there may be; the result of the last one stands. */
  readonly max: number;
  /** The params of the next round. By default what the result names, beside the params that it does not name. */
  readonly next?: (result: Result, params: Params) => Params;
}

/**
 * Runs a step at least once, and again while the condition holds, at most `max` times. The result of the last round is the result; each
 * result is a chunk. A round is told at the path of the step with its number: `refine[2]`.
 *
 * @example
 * const refined = flow.step('refine', repeat(improve, { while: ({ score }) => score < 0.9, max: 5 }), { draft: draft.out })
 */
export function repeat<C extends Code>(
  repeated: C,
  options: RepeatOptions<CodeParams<C>, CodeResult<C>>,
): Step<CodeParams<C>, CodeResult<C>, CodeResult<C>> {
  const step = toStep('repeat()', repeated) as Runnable;
  check('repeat()', options, repeatChecks);
  const { max, next = nextParams } = options;
  const handler = (params: CodeParams<C>, context: StepContext) =>
    rounds(
      (input, round) => runBelow(step, input, context, `[${round}]`),
      params,
      (result, input, round) =>
        round + 1 < max && options.while(result as CodeResult<C>, round)
          ? {
              params: freeze(
                next(result as CodeResult<C> & object, input as CodeParams<C> & object),
              ),
            }
          : undefined,
    );
  const { input, description } = step;
  return Object.freeze({
    handler,
    inner: { step, with: (other: Step) => repeat(other as C, options) as Step },
    ...(input && { input }),
    ...(description !== undefined && { description }),
  });
}

const repeatChecks: Checks = {
  max: needed(whole(1)),
  while: needed([code[0], 'a function: (result, round) => boolean']),
  next: code,
};

const nextParams = (result: unknown, params: unknown): never =>
  (isRecord(params) ? { ...params, ...(isRecord(result) && result) } : result) as never;

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One round after the other. A loop: synchronous rounds cost no stack. */
function rounds(
  round: (params: unknown, count: number) => Observable<unknown>,
  first: unknown,
  next: (
    result: unknown,
    params: unknown,
    count: number,
  ) => { readonly params: unknown } | undefined,
): Observable<unknown> {
  return new Observable((out) => {
    let current: Subscription | undefined;
    let count = 0;
    let todo: { readonly params: unknown } | undefined = { params: first };
    let looping = false;
    out.add(() => current?.unsubscribe());
    const go = () => {
      if (looping) return;
      looping = true;
      while (todo && !out.closed) {
        const { params } = todo;
        let result: unknown;
        todo = undefined;
        subscribeTo(
          round(params, count),
          {
            next: (aside) => {
              if (aside instanceof Result) result = aside.result;
              else if (!(aside instanceof Through)) out.next(aside);
            },
            error: (error: unknown) => out.error(error),
            complete: () => {
              out.next(result);
              if (out.closed) return;
              try {
                todo = next(result, params, count);
              } catch (error) {
                out.error(error);
                return;
              }
              count++;
              if (todo) go();
              else out.complete();
            },
          },
          (subscription) => {
            current = subscription;
          },
        );
      }
      looping = false;
    };
    go();
  });
}
