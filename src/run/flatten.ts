/** What an operator does with a new input while it still works on older ones. */
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  map,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
  Subject,
  switchMap,
  takeUntil,
  throwError,
} from 'rxjs';
import { FlowError, showValue } from '../errors.ts';

export interface Flattening {
  /** What a new input does while runs are at work: wait (`concat`, default), run beside (`merge`), cancel (`switch`), or be dropped (`exhaust`). */
  readonly flatten?: 'concat' | 'merge' | 'switch' | 'exhaust';
  /** With `merge`: how many runs are at work at once. By default all. */
  readonly concurrency?: number;
  /**
   * With `merge`: outputs come in the order of the inputs, whatever their runs take. A run that fails is the error at its place: older
   * runs end first, newer ones are cancelled.
   */
  readonly ordered?: boolean;
}

export function flattened<Input, Output>(
  run: (input: Input) => Observable<Output>,
  { flatten = 'concat', concurrency, ordered = false }: Flattening,
): OperatorFunction<Input, Output> {
  checkConcurrency(concurrency);
  if (ordered && flatten !== 'merge')
    throw new FlowError(
      'invalid-option',
      `The option "ordered" of operator() is for flatten: "merge", not "${flatten}". Leave it out: the others keep the order anyway.`,
    );
  switch (flatten) {
    case 'concat':
      return concatMap(run);
    case 'merge':
      return ordered ? inOrder(run, concurrency) : mergeMap(run, concurrency);
    case 'switch':
      return switchMap(run);
    case 'exhaust':
      return exhaustMap(run);
    default:
      throw new FlowError(
        'invalid-option',
        `The option "flatten" of operator() is ${showValue(flatten)}. It takes "concat", "merge", "switch" or "exhaust".`,
      );
  }
}

function checkConcurrency(concurrency: number | undefined): void {
  if (concurrency === undefined || concurrency === Number.POSITIVE_INFINITY) return;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new FlowError(
      'invalid-option',
      `The option "concurrency" of operator() is ${showValue(concurrency)}. Give a whole number of 1 or more, or leave it out for all at once.`,
    );
}

/** What came of one input. */
type Settled<Output> = { readonly i: number } & (
  | { readonly value: Output }
  | { readonly error: unknown }
);

/** Side by side, told in the order of the inputs. Each run gives one value, or fails. */
const inOrder =
  <Input, Output>(
    run: (input: Input) => Observable<Output>,
    concurrency?: number,
  ): OperatorFunction<Input, Output> =>
  (source) =>
    defer(() => {
      const failed$ = new Subject<number>();
      let firstFailed = Number.POSITIVE_INFINITY;
      const settle = (input: Input, i: number): Observable<Settled<Output>> =>
        // Nobody will hear of what comes after a failure.
        i > firstFailed
          ? EMPTY
          : run(input).pipe(
              map((value) => ({ i, value })),
              takeUntil(failed$.pipe(filter((at) => at < i))),
              catchError((error: unknown) => {
                firstFailed = i;
                failed$.next(i);
                return of({ i, error });
              }),
            );
      const settled = new Map<number, Settled<Output>>();
      let next = 0;
      return source.pipe(
        takeUntil(failed$),
        mergeMap(settle, concurrency),
        concatMap((found) => {
          settled.set(found.i, found);
          const due: Settled<Output>[] = [];
          for (let at = settled.get(next); at; at = settled.get(++next)) {
            settled.delete(next);
            due.push(at);
          }
          return due;
        }),
        concatMap((found) => ('error' in found ? throwError(() => found.error) : of(found.value))),
      );
    });
