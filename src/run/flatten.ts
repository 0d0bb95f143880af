/** What an operator does with a new input while it still works on older ones. */
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  map,
  Observable,
  type OperatorFunction,
  of,
  Subject,
  switchMap,
  takeUntil,
} from 'rxjs';
import { FlowError } from '../errors.ts';
import { check, oneOf, whole } from '../graph/settings.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { type Begin, inTurns } from './turns.ts';

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

const checks = {
  flatten: oneOf('concat', 'merge', 'switch', 'exhaust'),
  concurrency: whole(1),
};

export function flattened<Input, Output>(
  begin: Begin<Input, Output>,
  { flatten = 'concat', concurrency, ordered }: Flattening,
): OperatorFunction<Input, Output> {
  check('operator()', { flatten, concurrency }, checks);
  if ((ordered || concurrency) && flatten !== 'merge')
    throw new FlowError(
      'invalid-option',
      `The option "${ordered ? 'ordered' : 'concurrency'}" of operator() is for flatten: "merge", not "${flatten}".`,
    );
  const run = (input: Input) => new Observable<Output>((out) => begin(input, out));
  switch (flatten) {
    case 'concat':
      return inTurns(begin, 1);
    case 'merge':
      return ordered ? inOrder(run, concurrency) : inTurns(begin, concurrency);
    case 'switch':
      return switchMap(run);
    default:
      return exhaustMap(run);
  }
}

/** What came of an input, and the place of that among all. */
interface Placed<Output> {
  readonly i: number;
  /** Gives the output, or throws the error. */
  give(): Output;
}

/** Side by side, told in the order of the inputs. Each run gives one value, or fails. */
const inOrder =
  <Input, Output>(
    run: (input: Input) => Observable<Output>,
    concurrency: number | undefined,
  ): OperatorFunction<Input, Output> =>
  (source) =>
    defer(() => {
      const failed$ = new Subject<number>();
      let failed = Number.POSITIVE_INFINITY;
      let count = 0;
      const settle = (input: Input, i: number): Observable<Placed<Output>> =>
        // Nobody will hear of what comes after a failure.
        i > failed
          ? EMPTY
          : run(input).pipe(
              map((output) => ({ i, give: () => output })),
              catchError((error: unknown) => {
                failed = i;
                failed$.next(i);
                const give = () => {
                  throw error;
                };
                return of({ i, give });
              }),
              takeUntil(failed$.pipe(filter((at) => at < i))),
            );
      const came = new Map<number, () => Output>();
      let next = 0;
      return source.pipe(
        takeUntil(failed$),
        inTurns<Input, Placed<Output>>(
          (input, out) =>
            subscribeTo(settle(input, count++), out, (subscription) => out.add(subscription)),
          concurrency,
        ),
        concatMap(({ i, give }) => {
          came.set(i, give);
          const due: (() => Output)[] = [];
          for (let first = came.get(next); first; first = came.get(++next)) {
            came.delete(next);
            due.push(first);
          }
          return due;
        }),
        map((give) => give()),
      );
    });
