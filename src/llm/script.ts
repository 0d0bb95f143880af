/** Steps that do one thing after another, written as generators. */
import { from, map, Observable, of, Subject, takeUntil } from 'rxjs';
import { StepResult } from '../index.ts';
import { isObject } from './json.ts';

/** Yields what is to be done, and gets back what came of it. */
export type Script<Result> = Generator<Observable<unknown>, Result, unknown>;

/** A part of a script whose result is there, or what a promise brings. */
export const toResult = (value: unknown): Observable<unknown> =>
  (isPromise(value) ? from(value) : of(value)).pipe(map((result) => new StepResult(result)));

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && typeof value['then'] === 'function';

/**
 * Runs a script: what it yields is subscribed to, everything that tells is passed on, and its `StepResult`
 * goes back in; an error is thrown there. What the script returns is the last `StepResult`. Nothing is
 * asynchronous that need not be.
 */
export function scripted(script: () => Script<unknown>): Observable<unknown> {
  return new Observable((out) => {
    const running = script();
    const stop = new Subject<void>();
    let resume: (() => IteratorResult<Observable<unknown>, unknown>) | undefined = () =>
      running.next();
    let isLooping = false;
    out.add(() => stop.next());
    // A loop: scripts whose parts are synchronous cost no stack.
    const go = (): void => {
      if (isLooping) return;
      isLooping = true;
      while (resume && !out.closed) {
        const proceed = resume;
        resume = undefined;
        try {
          const { done, value } = proceed();
          if (!done) run(value);
          else {
            out.next(new StepResult(value));
            out.complete();
          }
        } catch (error) {
          out.error(error);
        }
      }
      isLooping = false;
    };
    const run = (part: Observable<unknown>): void => {
      let result: unknown;
      part.pipe(takeUntil(stop)).subscribe({
        next: (told) => {
          if (told instanceof StepResult) result = told.result;
          else out.next(told);
        },
        error: (error: unknown) => {
          resume = () => running.throw(error);
          go();
        },
        complete: () => {
          resume = () => running.next(result);
          go();
        },
      });
    };
    go();
  });
}
