/** An Observable as something to loop over. */
import { type Observable, observable } from 'rxjs';

/** Subscribes when the loop begins, and unsubscribes when it is left. What comes faster than the loop takes it is kept. */
export async function* iterate<T>(source: Observable<T>): AsyncGenerator<T, void, undefined> {
  const values: T[] = [];
  let end: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const ends = (how: { readonly error?: unknown }) => {
    end = how;
    wake?.();
  };
  const subscription = source.subscribe({
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
}

/** Makes an object one that RxJS takes for an Observable: `from(object)`. */
export function interoperable(object: object, values$: Observable<unknown>): void {
  Object.defineProperty(object, observable, { value: () => values$ });
}
