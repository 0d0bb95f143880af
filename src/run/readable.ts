/** An Observable as a web stream. */
import type { Observable, Subscription } from 'rxjs';

/**
 * A web ReadableStream of what an Observable emits: for `Response` bodies and everything else that reads streams. Subscribes when it is
 * first read; cancelling it unsubscribes. Observables cannot be slowed down: what is not read yet is kept.
 *
 * @example
 * return new Response(toReadableStream(run.chunks$('gist')).pipeThrough(new TextEncoderStream()))
 */
export function toReadableStream<T>(source: Observable<T>): ReadableStream<T> {
  let subscription: Subscription | undefined;
  return new ReadableStream<T>(
    {
      pull(controller) {
        subscription ??= source.subscribe({
          next: (value) => controller.enqueue(value),
          error: (error: unknown) => controller.error(error),
          complete: () => controller.close(),
        });
      },
      cancel() {
        subscription?.unsubscribe();
      },
    },
    { highWaterMark: 0 },
  );
}
