/** What a page shows of a search: a fold of the events of the live flow. */
import type { FlowEvent } from 'millrace';
import { distinctUntilChanged, type Observable, scan } from 'rxjs';
import type { Document } from '../support/bm25.ts';

export interface Screen {
  readonly query: string;
  readonly hits: readonly Document[] | undefined;
  /** As far as the model has come. */
  readonly summary: string;
  readonly state: 'searching' | 'found' | 'done' | 'failed';
}

interface Shown extends Screen {
  readonly version: number;
}

const empty: Shown = { version: 0, query: '', hits: undefined, summary: '', state: 'done' };

export const screens = (events$: Observable<FlowEvent>): Observable<Screen> =>
  events$.pipe(scan(show, empty), distinctUntilChanged());

function show(screen: Shown, event: FlowEvent): Shown {
  const { version = 0 } = event;
  if (event.type === 'FLOW_START') {
    const { query } = event.input as { query: string };
    return { ...empty, version, query, state: 'searching' };
  }
  // An older model may still speak while the newer search is under way: its words belong to another query.
  if (version !== screen.version) return screen;
  switch (event.type) {
    case 'STEP_CHUNK':
      return event.path === 'summary'
        ? { ...screen, summary: screen.summary + String(event.chunk) }
        : screen;
    case 'STEP_OUTPUT':
      return event.path === 'ranked'
        ? { ...screen, state: 'found', hits: event.output as readonly Document[] }
        : screen;
    // What had not changed since the version before was not told again: the output has all of it.
    case 'FLOW_OUTPUT': {
      const { hits, summary = '' } = event.output as {
        hits: readonly Document[];
        summary?: string;
      };
      return { ...screen, state: 'done', hits, summary };
    }
    case 'FLOW_ERROR':
      return { ...screen, state: 'failed' };
    default:
      return screen;
  }
}
