/** The only source of time in the engine. It stands on RxJS's own scheduler, so whoever drives that drives us. */
import { asyncScheduler, type MonoTypeOperatorFunction, Observable, tap } from 'rxjs';
import type { FlowError } from '../errors.ts';

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

/** Errors unless the source completes within so many ms from its subscription. */
export const within =
  <T>(ms: number | undefined, clock: Clock, late: () => FlowError): MonoTypeOperatorFunction<T> =>
  (source) =>
    ms === undefined
      ? source
      : new Observable((out) => {
          out.add(clock.after(ms, () => out.error(late())));
          source.subscribe(out);
        });

/** Errors when the source is silent for so many ms. */
export const neverSilentFor =
  <T>(ms: number | undefined, clock: Clock, late: () => FlowError): MonoTypeOperatorFunction<T> =>
  (source) =>
    ms === undefined
      ? source
      : new Observable((out) => {
          const wait = () => clock.after(ms, () => out.error(late()));
          let stop = wait();
          out.add(() => stop());
          const restart = () => {
            stop();
            stop = wait();
          };
          source.pipe(tap(restart)).subscribe(out);
        });
