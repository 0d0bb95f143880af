/** A step that runs another one for every item of a list. */
import {
  catchError,
  from,
  map,
  mergeMap,
  Observable,
  of,
  Subject,
  type Subscribable,
  type Subscriber,
  type Subscription,
} from 'rxjs';
import { FlowError, typeName } from '../errors.ts';
import { anything, type Checks, check, oneOf, whole } from '../graph/settings.ts';
import { equal } from '../plain.ts';
import { type Runnable, runBelow } from '../run/below.ts';
import { Adds, type Aside, Result, Through } from '../wire/aside.ts';
import { isRestart, type Restart } from '../wire/channel.ts';
import { fromSubscribable } from '../wire/consume.ts';
import type { Recorded } from '../wire/host.ts';
import { stopAll } from '../wire/limiter.ts';
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

/** A list, or a stream: an item is taken up as it comes. */
type Items<T> = readonly T[] | Observable<T | Restart>;

type EachParams<C, As> = As extends keyof CodeParams<C>
  ? { readonly items: Items<CodeParams<C>[As]> } & Omit<CodeParams<C>, As>
  : { readonly items: Items<CodeParams<C>> };

type EachResult<C, OnError> = CodeResult<C> | (OnError extends 'null' ? null : never);

/**
 * Runs a step once for every item of `items`, a list or a stream, and gives the results in the order of the items, whatever their latency.
 * Each result is a chunk as soon as those before it are there. An item is told at the path of the step with its index: `pages[3]`.
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
  check('each()', options, checks);
  const { concurrency = Number.POSITIVE_INFINITY, onError = 'fail', as } = options;
  const handler = (
    params: { readonly items: unknown },
    context: StepContext,
  ): Observable<unknown> => {
    const { items, ...others } = params;
    const items$ = streamOf(items);
    if (!items$) {
      throw new FlowError(
        'invalid-params',
        `Step "${context.path}" runs a step for each of its "items", which must be an array or a stream, not ${typeName(items)}.`,
        { path: context.path },
      );
    }
    const call = (item: unknown, i: number): Observable<Aside> => {
      const input = as === undefined ? item : Object.freeze({ ...others, [as]: item });
      // What a stream brings after a restart may be other items in the same places.
      const counts = (recorded: Recorded) => Array.isArray(items) || equal(recorded.input, input);
      const run = runBelow(step, input, context, `[${i}]`, {}, counts);
      if (onError === 'fail') return run;
      return run.pipe(catchError(() => of(new Result(onError === 'null' ? null : leftOut))));
    };
    return inOrder(items$, concurrency, call);
  };
  return Object.freeze({
    handler,
    inner: { step, with: (other: Step) => each(other, options as EachOptions<undefined>) as Step },
    ...(step.description !== undefined && { description: step.description }),
  }) as Step<EachParams<C, As>, EachResult<C, OnError>[], EachResult<C, OnError>>;
}

const atLeastOne = whole(1);
const checks: Checks = {
  concurrency: [
    (value) => value === Number.POSITIVE_INFINITY || atLeastOne[0](value),
    atLeastOne[1],
  ],
  onError: oneOf('fail', 'skip', 'null'),
  as: anything,
};

const leftOut = Symbol('left out');

function streamOf(items: unknown): Observable<unknown> | undefined {
  if (Array.isArray(items)) return from(items);
  const isStream = typeof (items as Subscribable<unknown> | null)?.subscribe === 'function';
  return isStream ? fromSubscribable(items as Subscribable<unknown>) : undefined;
}

type CallItem = (item: unknown, i: number) => Observable<Aside>;

/**
 * Runs the calls side by side, passes on what they tell at once, and their results in the order of the items; last, the list of all. A
 * stream that begins anew, because its step is tried again, makes it begin anew: readers of its chunks get the same notice.
 */
function inOrder(
  items$: Observable<unknown>,
  concurrency: number,
  call: CallItem,
): Observable<unknown> {
  return new Observable((out) => {
    let round = new Round(out, concurrency, call);
    out.add(() => round.stop());
    subscribeTo(
      items$,
      {
        next: (item) => {
          if (isRestart(item)) {
            round.stop();
            out.next(new Through(item));
            round = new Round(out, concurrency, call);
          } else round.items.next(item);
        },
        error: (error: unknown) => out.error(error),
        complete: () => round.items.complete(),
      },
      (subscription) => out.add(subscription),
    );
  });
}

/** The items from the first one on, or from where the stream began anew. */
class Round {
  readonly items = new Subject<unknown>();
  private readonly out: Subscriber<unknown>;
  private readonly results = new Map<number, unknown>();
  private readonly all: unknown[] = [];
  private readonly added: Adds[][] = [];
  private readonly subscription: Subscription;
  private next = 0;

  constructor(out: Subscriber<unknown>, concurrency: number, call: CallItem) {
    this.out = out;
    const calls = this.items.pipe(
      mergeMap((item, i) => call(item, i).pipe(map((aside) => ({ i, aside }))), concurrency),
    );
    this.subscription = calls.subscribe({
      next: ({ i, aside }) => this.hear(i, aside),
      error: (error: unknown) => out.error(error),
      complete: () => {
        for (const adds of this.added.flat()) out.next(adds);
        out.next(new Result(this.all));
        out.complete();
      },
    });
  }

  stop(): void {
    stopAll(() => this.subscription.unsubscribe());
  }

  private hear(i: number, aside: Aside): void {
    if (aside instanceof Result) {
      this.results.set(i, aside.result);
      this.flush();
    } else if (aside instanceof Adds) {
      this.added[i] ??= [];
      this.added[i].push(aside);
    } else if (!(aside instanceof Through)) this.out.next(aside);
  }

  private flush(): void {
    for (; this.results.has(this.next); this.next++) {
      const result = this.results.get(this.next);
      this.results.delete(this.next);
      if (result === leftOut) continue;
      this.all.push(result);
      this.out.next(result);
    }
  }
}
