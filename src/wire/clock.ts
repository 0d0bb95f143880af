/** The only source of time in the engine. It stands on RxJS's own scheduler, so whoever drives that drives us. */
import {
  asyncScheduler,
  type MonoTypeOperatorFunction,
  Observable,
  type Subscriber,
  type Subscription,
} from 'rxjs';
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

/** Errors unless the source completes within so many ms from its subscription. */
export const within =
  <T>(ms: number | undefined, clock: Clock, late: () => FlowError): MonoTypeOperatorFunction<T> =>
  (source) =>
    ms === undefined
      ? source
      : new Observable((out) => {
          const stop = stoppable(out, late);
          out.add(clock.after(ms, stop.now));
          stop.listenTo(source, () => {});
        });

/** Errors when the source is silent for so many ms. */
export const neverSilentFor =
  <T>(ms: number | undefined, clock: Clock, late: () => FlowError): MonoTypeOperatorFunction<T> =>
  (source) =>
    ms === undefined
      ? source
      : new Observable((out) => {
          const stop = stoppable(out, late);
          const wait = () => clock.after(ms, stop.now);
          let rest = wait();
          out.add(() => rest());
          stop.listenTo(source, () => {
            rest();
            rest = wait();
          });
        });

/** What is too late is stopped first: whoever hears of the error finds nothing at work any more, and hears of it if that goes on all the same. */
function stoppable<T>(out: Subscriber<T>, late: () => FlowError) {
  let running: Subscription | undefined;
  return {
    now: () => {
      running?.unsubscribe();
      out.error(late());
    },
    listenTo: (source: Observable<T>, heard: () => void) =>
      subscribeTo(
        source,
        {
          next: (value) => {
            heard();
            out.next(value);
          },
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        },
        (own) => {
          running = own;
          out.add(own);
        },
      ),
  };
}
