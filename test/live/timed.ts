/** When a live flow tells which outputs. */
import type { CompiledFlow } from 'millrace';
import { from, map, mergeMap, timer } from 'rxjs';
import { inVirtualTime } from '../run/told.ts';

/** The outputs with their times, for one input that changes at times. */
export function outputsAt<Name extends string, Value, Output>(
  flow: CompiledFlow<Record<Name, Value>, Output>,
  name: Name,
  changes: readonly (readonly [at: number, value: Value])[],
): (readonly [number, Output])[] {
  const told: (readonly [number, Output])[] = [];
  inVirtualTime((scheduler) => {
    const input$ = from(changes).pipe(mergeMap(([at, value]) => timer(at).pipe(map(() => value))));
    flow
      .live({ [name]: input$ } as never)
      .output$.subscribe((output) => told.push([scheduler.now(), output]));
  });
  return told;
}
