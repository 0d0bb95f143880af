/** The only source of time in the engine. It stands on RxJS's own scheduler, so whoever drives that drives us. */
import { asyncScheduler, type MonoTypeOperatorFunction, Observable, type Subscription } from 'rxjs';
import type { FlowError } from '../errors.ts';
import { subscribeTo } from './subscribe.ts';

export interface Clock {
  /** Ms since 1970. */
  now(): number;
  /** Calls back once after so many ms; gives back what calls it off. */
  after(ms: number, callback: () => void): () => void;
}

// What a host's timer can hold. A longer one would fire at once.
const longest = 2 ** 31 - 1;

/** Asks the scheduler at each call, not once: `TestScheduler.run` and patched host timers are heard. */
export const schedulerClock: Clock = {
  now: () => asyncScheduler.now(),
  after(ms, callback) {
    let left = ms;
    const subscription = asyncScheduler.schedule(
      function () {
        left -= longest;
        if (left > 0) this.schedule(undefined, Math.min(left, longest));
        else callback();
      },
      Math.min(left, longest),
    );
    return () => subscription.unsubscribe();
  },
};

/** Errors unless the source completes within so many ms from its subscription; or from its last value of which `counts` holds. */
export const within =
  <T>(
    ms: number | undefined,
    clock: Clock,
    late: (ms: number) => FlowError,
    counts?: (value: T) => boolean,
  ): MonoTypeOperatorFunction<T> =>
  (source) =>
    ms === undefined
      ? source
      : new Observable((out) => {
          let running: Subscription | undefined;
          // What is too late is stopped first: whoever hears of the error finds nothing at work any more, and hears of it if that goes on all
          // the same.
          const stop = () => {
            running?.unsubscribe();
            out.error(late(ms));
          };
          let callOff = clock.after(ms, stop);
          out.add(() => callOff());
          subscribeTo(
            source,
            {
              next: (value) => {
                if (counts?.(value)) {
                  callOff();
                  callOff = clock.after(ms, stop);
                }
                out.next(value);
              },
              error: (error: unknown) => out.error(error),
              complete: () => out.complete(),
            },
            (own) => {
              running = own;
              out.add(own);
            },
          );
        });
