/** Which stored runs need not be kept any longer. */
import { FlowError } from '../errors.ts';
import type { RunStatus } from '../state/snapshot.ts';
import type { Retention, RunQuery, RunSummary } from './saver.ts';

/** The ids of those runs, given from the newest to the oldest, that need not be kept. `t`: when a run was claimed. */
export function expiredRuns(
  runs: readonly (RunSummary & { readonly t: number })[],
  retention: Retention,
): readonly string[] {
  const { olderThan, keepLast, unfinished = false } = checkedRetention(retention);
  const places = new Map<string, number>();
  return runs
    .filter(({ flowId, status, t, t1 = t }) => {
      const place = places.get(flowId) ?? 0;
      places.set(flowId, place + 1);
      return (
        (unfinished || endedStatuses.includes(status)) &&
        (olderThan === undefined || t1 < olderThan) &&
        (keepLast === undefined || place >= keepLast)
      );
    })
    .map(({ runId }) => runId);
}

/** What a run is that has nothing left to do by itself. */
export const endedStatuses: readonly RunStatus[] = ['success', 'failure', 'cancelled'];

/** How many runs are listed. A store would take a limit that is none for all of them, for none, or not at all. */
export function checkedLimit({ limit = 100 }: RunQuery): number {
  if (limit === Infinity || (Number.isInteger(limit) && limit >= 0)) return limit;
  throw new FlowError(
    'invalid-option',
    `The limit of a list of runs is ${limit}. It takes a whole number, 0 or more, or Infinity`,
  );
}

/** Refuses what would delete everything, most likely by mistake. */
export function checkedRetention(retention: Retention): Retention {
  const given = [retention.olderThan, retention.keepLast].filter((each) => each !== undefined);
  if (given.length > 0 && given.every((each) => Number.isFinite(each) && each >= 0))
    return retention;
  throw new FlowError(
    'invalid-option',
    'prune() takes "olderThan" (a time in ms since 1970), "keepLast" (a number of runs), or both',
  );
}
