/** A step that runs another one for every item of a list. */
import { catchError, from, map, mergeMap, Observable, of } from 'rxjs';
import { FlowError, showValue, typeName } from '../errors.ts';
import { type Runnable, runBelow } from '../run/below.ts';
import { Adds, type Aside, Result, Through } from '../wire/aside.ts';
import {
  type Code,
  type CodeParams,
  type CodeResult,
  type Step,
  type StepContext,
  toStep,
} from '../wire/step.ts';
import { subscribeTo } from '../wire/subscribe.ts';

export interface EachOptions<As, OnError = 'fail' | 'skip' | 'null'> {
  /** How many items are at work at once. By default all. */
  readonly concurrency?: number;
  /** What a failed item does. `fail` (default): the step fails and the other items are cancelled. `skip`: it is left out. `null`: it is null. */
  readonly onError?: OnError;
  /** The param of the step that an item is; the others come from the params beside `items`, the same for every item. */
  readonly as?: As;
}

type EachParams<C, As> = As extends keyof CodeParams<C>
  ? { readonly items: readonly CodeParams<C>[As][] } & Omit<CodeParams<C>, As>
  : { readonly items: readonly CodeParams<C>[] };

type EachResult<C, OnError> = CodeResult<C> | (OnError extends 'null' ? null : never);

/**
 * Runs a step once for every item of `items`, and gives the results in the order of the items, whatever their latency. Each result is a
 * chunk as soon as those before it are there. An item is told at the path of the step with its index: `pages[3]`.
 *
 * @example
 * const pages = flow.step('pages', each(fetchPage, { as: 'url', concurrency: 4 }), { items: flow.input.urls })
 */
export function each<
  C extends Code,
  const As extends keyof CodeParams<C> | undefined = undefined,
  const OnError extends 'fail' | 'skip' | 'null' = 'fail',
>(
  code: C,
  options: EachOptions<As, OnError> = {},
): Step<EachParams<C, As>, EachResult<C, OnError>[], EachResult<C, OnError>> {
  const step = toStep('each()', code) as Runnable;
  const { concurrency = Number.POSITIVE_INFINITY, onError = 'fail', as } = options;
  const isLimit = Number.isInteger(concurrency) || concurrency === Number.POSITIVE_INFINITY;
  if (!isLimit || concurrency < 1)
    throw new FlowError(
      'invalid-option',
      `each() takes a "concurrency" of 1 or more, not ${showValue(concurrency)}. Give a whole number, or leave it out for all at once`,
    );
  if (!['fail', 'skip', 'null'].includes(onError))
    throw new FlowError(
      'invalid-option',
      `each() takes "fail", "skip" or "null" for "onError", not ${showValue(onError)}`,
    );
  const handler = (
    params: { readonly items: unknown },
    context: StepContext,
  ): Observable<unknown> => {
    const { items, ...others } = params;
    if (!Array.isArray(items)) {
      throw new FlowError(
        'invalid-params',
        `Step "${context.path}" runs a step for each of its "items", which must be an array, not ${typeName(items)}.`,
        { path: context.path },
      );
    }
    const call = (item: unknown, i: number): Observable<Aside> => {
      const input = as === undefined ? item : Object.freeze({ ...others, [as]: item });
      const run = runBelow(step, input, context, `[${i}]`);
      if (onError === 'fail') return run;
      return run.pipe(catchError(() => of(new Result(onError === 'null' ? null : leftOut))));
    };
    return inOrder(items, concurrency, call);
  };
  return Object.freeze({
    handler,
    inner: { step, with: (other: Step) => each(other, options as EachOptions<undefined>) as Step },
    ...(step.description !== undefined && { description: step.description }),
  }) as Step<EachParams<C, As>, EachResult<C, OnError>[], EachResult<C, OnError>>;
}

const leftOut = Symbol('left out');

/** Runs the calls side by side, passes on what they tell at once, and their results in the order of the items; last, the list of all. */
function inOrder(
  items: readonly unknown[],
  concurrency: number,
  call: (item: unknown, i: number) => Observable<Aside>,
): Observable<unknown> {
  return new Observable((out) => {
    const results = new Map<number, unknown>();
    const all: unknown[] = [];
    const added: Adds[][] = items.map(() => []);
    let next = 0;
    const flush = () => {
      for (; results.has(next); next++) {
        const result = results.get(next);
        results.delete(next);
        if (result === leftOut) continue;
        all.push(result);
        out.next(result);
      }
    };
    const calls = from(items).pipe(
      mergeMap((item, i) => call(item, i).pipe(map((aside) => ({ i, aside }))), concurrency),
    );
    subscribeTo(
      calls,
      {
        next: ({ i, aside }) => {
          if (aside instanceof Result) {
            results.set(i, aside.result);
            flush();
          } else if (aside instanceof Adds) added[i]?.push(aside);
          else if (!(aside instanceof Through)) out.next(aside);
        },
        error: (error: unknown) => out.error(error),
        complete: () => {
          for (const adds of added.flat()) out.next(adds);
          out.next(new Result(all));
          out.complete();
        },
      },
      (subscription) => out.add(subscription),
    );
  });
}
