/** What the SQL saver asks of its tables. */

import type { Kysely, Selectable } from 'kysely';
import {
  type Claim,
  type Commit,
  checkedLimit,
  checkedRetention,
  endedStatuses,
  type Retention,
  type RunQuery,
  type RunStatus,
  type RunSummary,
  type Snapshot,
} from '../index.ts';
import { decode } from './codec.ts';
import { folding, restored, type StoredCommit, soughtId, writtenAfter } from './record.ts';
import type { Tables } from './sql-schema.ts';

const page = 20;

/** Takes the id of a run; false where it is taken. */
export const insertRun = (db: Kysely<Tables>, run: Claim, head: string): Promise<boolean> =>
  db.transaction().execute(async (within) => {
    const { runId, flow, parentId = null, t } = run;
    const row = {
      run_id: runId,
      flow_id: flow.id,
      parent_id: parentId,
      status: 'pending',
      seq: -1,
    };
    const { numInsertedOrUpdatedRows } = await within
      .insertInto('millrace_runs')
      .values({ ...row, t, t0: null, t1: null, ...writtenAfter(head) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 0n) return false;
    await within
      .insertInto('millrace_states')
      .values({ run_id: runId, seq: -1, body: head })
      .execute();
    return true;
  });

/** The last state of a run: the nearest whole state, and the commits after it. */
export async function stateIn(db: Kysely<Tables>, runId: string): Promise<Snapshot | undefined> {
  // Commits stay when a later state is stored: what comes between these two queries does no harm.
  const states = await db
    .selectFrom('millrace_states')
    .select(['seq', 'body'])
    .where('run_id', '=', runId)
    .orderBy('seq')
    .execute();
  const [head, base] = states;
  if (!head) return undefined;
  const rows = await db
    .selectFrom('millrace_commits')
    .select('body')
    .where('run_id', '=', runId)
    .where('seq', '>', base?.seq ?? -1)
    .orderBy('seq')
    .execute();
  return restored(
    head.body,
    base?.body,
    rows.flatMap(({ body }) => decode(body) as StoredCommit[]),
  );
}

/** Every commit of a run, in order. */
export async function* commitsIn(
  reading: <T>(read: (opened: { readonly db: Kysely<Tables> }) => Promise<T>) => Promise<T>,
  runId: string,
): AsyncGenerator<Commit> {
  const head = await reading(({ db }) =>
    db
      .selectFrom('millrace_states')
      .select('body')
      .where('run_id', '=', runId)
      .where('seq', '=', -1)
      .executeTakeFirst(),
  );
  if (!head) return;
  const fold = folding(head.body);
  const rowsAfter = (db: Kysely<Tables>, seq: number) =>
    db
      .selectFrom('millrace_commits')
      .select(['seq', 'body'])
      .where('run_id', '=', runId)
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(page)
      .execute();
  for (let after = -1; ; ) {
    const rows = await reading(({ db }) => rowsAfter(db, after));
    for (const { body } of rows)
      for (const stored of decode(body) as StoredCommit[]) yield fold(stored);
    const last = rows.at(-1);
    if (!last || rows.length < page) return;
    after = last.seq;
  }
}

type RunRow = Selectable<Tables['millrace_runs']>;

/** The newest runs that fit. */
export function newestIn(db: Kysely<Tables>, query: RunQuery): Promise<RunRow[]> {
  const { flowId, parentId, status } = query;
  const limit = Math.min(checkedLimit(query), Number.MAX_SAFE_INTEGER);
  let runs = db.selectFrom('millrace_runs').selectAll();
  if (flowId !== undefined) runs = runs.where('flow_id', '=', soughtId(flowId));
  if (parentId !== undefined) runs = runs.where('parent_id', '=', soughtId(parentId));
  if (status !== undefined) runs = runs.where('status', '=', status);
  return runs.orderBy('t', 'desc').orderBy('run_id', 'desc').limit(limit).execute();
}

export const summary = ({
  run_id,
  parent_id,
  flow_id,
  status,
  seq,
  t0,
  t1,
}: RunRow): RunSummary => ({
  runId: run_id,
  ...(parent_id !== null && { parentId: parent_id }),
  flowId: flow_id,
  status: status as RunStatus,
  seq,
  ...(t0 !== null && { t0 }),
  ...(t1 !== null && { t1 }),
});

/** A run as it was when it was chosen. */
type Chosen = Pick<RunRow, 'run_id' | 'seq'>;

export function expiredIn(db: Kysely<Tables>, retention: Retention): Promise<readonly Chosen[]> {
  const { olderThan, keepLast = 0, unfinished = false } = checkedRetention(retention);
  const placed = db.selectFrom('millrace_runs').select(({ fn }) => [
    'run_id',
    'seq',
    'status',
    fn.coalesce('t1', 't').as('ended'),
    fn
      .agg<number>('row_number')
      .over((over) => over.partitionBy('flow_id').orderBy('t', 'desc').orderBy('run_id', 'desc'))
      .as('place'),
  ]);
  let expired = db
    .selectFrom(placed.as('placed'))
    .select(['run_id', 'seq'])
    .where('place', '>', keepLast);
  if (olderThan !== undefined) expired = expired.where('ended', '<', olderThan);
  if (!unfinished) expired = expired.where('status', 'in', [...endedStatuses]);
  return expired.execute();
}

/** Deletes runs, those that have not gone on in the meantime; tells how many. */
export const deleteIn = (
  db: Kysely<Tables>,
  runs: readonly (Pick<Chosen, 'run_id'> & Partial<Chosen>)[],
): Promise<number> =>
  db.transaction().execute(async (within) => {
    // The row of a run first: whoever writes to it has to notice.
    const deleted = await within
      .deleteFrom('millrace_runs')
      .where(({ or, and }) => or(runs.map((run) => and(run))))
      .returning('run_id')
      .execute();
    const ids = deleted.map(({ run_id }) => run_id);
    if (ids.length > 0)
      for (const table of ['millrace_states', 'millrace_commits'] as const)
        await within.deleteFrom(table).where('run_id', 'in', ids).execute();
    return ids.length;
  });
