/** Subscribing to what may be stopped by its own first values. */
import { Observable, type Observer, type Subscription } from 'rxjs';

/**
 * Subscribes, and gives the subscription away before the source can emit. RxJS gives it back when all synchronous values have come: too
 * late for whoever wants no more after the first one.
 */
export function subscribeTo<T>(
  source: Observable<T>,
  observer: Partial<Observer<T>>,
  take: (subscription: Subscription) => void,
): void {
  const stoppable = new Observable<T>((out) => {
    take(out);
    source.subscribe(out);
  });
  stoppable.subscribe(observer);
}
