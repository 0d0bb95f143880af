/** A live flow between stores: stores go in, and what they come to is a store again. */
import { fromSubscribable } from 'millrace';
import type { Observable } from 'rxjs';
import type { Readable } from 'svelte/store';
import { counted } from './flow.ts';

/** It follows both as long as somebody subscribes. The two are never those of different moments. */
export const daysBetween = (
  from: Readable<string>,
  to: Readable<string>,
): Observable<{ days: number }> =>
  counted.live({ from: fromSubscribable(from), to: fromSubscribable(to) }).output$;
