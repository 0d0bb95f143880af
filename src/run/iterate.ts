/** An Observable as something to loop over. */
import { type Observable, observable, type Subscription } from 'rxjs';

/** Subscribes when the loop begins, and unsubscribes when it is left. What comes faster than the loop takes it is kept. */
export function iterate<T>(source: Observable<T>): AsyncGenerator<T, void, undefined> {
  const values: T[] = [];
  let subscription: Subscription | undefined;
  let end: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const ends = (how: { readonly error?: unknown }) => {
    end ??= how;
    wake?.();
  };
  const loop = (async function* () {
    subscription = source.subscribe({
      next: (value) => {
        values.push(value);
        wake?.();
      },
      error: (error: unknown) => ends({ error }),
      complete: () => ends({}),
    });
    try {
      for (;;) {
        while (values.length > 0) yield values.shift() as T;
        if (end) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if ('error' in end) throw end.error;
    } finally {
      subscription.unsubscribe();
    }
  })();
  // A generator that waits does not hear that it is left until it goes on: it is woken.
  for (const way of ['return', 'throw'] as const) {
    const leave = loop[way];
    loop[way] = (reason: unknown) => {
      subscription?.unsubscribe();
      values.length = 0;
      ends({});
      return leave.call(loop, reason as never);
    };
  }
  return loop;
}

/** Makes an object one that RxJS takes for an Observable: `from(object)`. */
export function interoperable(object: object, values$: Observable<unknown>): void {
  Object.defineProperty(object, observable, { value: () => values$ });
}
