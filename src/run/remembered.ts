/** Reading lists in the shared memory: what a step sees of them, and what a run has left. */
import { concatMap, from, map, Observable, of, type Subscription, take } from 'rxjs';
import { own } from '../plain.ts';
import type { Outcome } from '../state/outcome.ts';
import type { Snapshot } from '../state/snapshot.ts';
import { ownerOf, type Plan, type PlanNode } from '../wire/plan.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { Hosted } from './hosted.ts';
import { earlier, isList } from './lists.ts';
import type { Saver } from './saver.ts';

/** Where older runs are: a saver. */
type Runs = Pick<Saver, 'load'>;

/** The end of a list, page by page: `count` items at least, where there are as many. */
function endOf(
  list: unknown,
  name: string,
  count: number,
  runs: Runs | undefined,
): Observable<readonly unknown[]> {
  return new Observable((out) => {
    const pages: (readonly unknown[])[] = [];
    let loading: Subscription | undefined;
    let missing = count;
    let todo: unknown = list;
    let seen: number | undefined;
    let isReading = false;
    out.add(() => loading?.unsubscribe());
    const read = (): void => {
      if (isReading) return;
      isReading = true;
      while (todo !== undefined && !out.closed) {
        const page = todo;
        todo = undefined;
        if (!isList(page)) break;
        const items = page.items.slice(0, seen);
        pages.push(items);
        missing -= items.length;
        seen = page.seen;
        if (missing <= 0 || page.before === undefined || !runs) break;
        let found: Snapshot | undefined;
        // A run that is no longer kept is where the list begins.
        const done = () => {
          todo = own(found?.data, name) ?? null;
          read();
        };
        subscribeTo(
          from(runs.load(page.before)),
          {
            next: (snapshot) => {
              found ??= snapshot;
            },
            error: (error: unknown) => out.error(error),
            complete: done,
          },
          (subscription) => {
            loading = subscription;
          },
        );
        if (todo === undefined) {
          isReading = false;
          return;
        }
      }
      isReading = false;
      out.next(pages.reverse().flat());
      out.complete();
    };
    read();
  });
}

/** The last items of a list that a run has left, `count` of them or a few more. By default all. */
export function listOf<Item>(
  runs: Runs,
  runId: string,
  name: string,
  count: number = Number.POSITIVE_INFINITY,
): Observable<readonly Item[]> {
  return from(runs.load(runId)).pipe(
    take(1),
    concatMap((snapshot) => {
      const list = own(snapshot?.data, name) ?? null;
      return endOf(list, name, count, runs) as Observable<readonly Item[]>;
    }),
  );
}

/** What the step at a path sees of a list. */
export function remembered(
  run: Hosted,
  path: string,
  name: string,
  count: number,
): Observable<readonly unknown[]> {
  const { plan, memory, options } = run;
  const { prefix, host } = run.setup;
  const node = ownerOf(plan, prefix === undefined ? path : path.slice(prefix.length + 1));
  if (node) run.remember(node.index);
  const added = node ? earlierAdditions(plan, node, run.outcomes, name) : [];
  const missing = count - added.length;
  if (missing <= 0) return of(added);
  const inherited =
    host instanceof Hosted
      ? remembered(host, prefix ?? '', name, missing)
      : endOf(own(memory, name) ?? null, name, missing, options.saver);
  return added.length === 0 ? inherited : inherited.pipe(map((items) => [...items, ...added]));
}

function earlierAdditions(
  plan: Plan,
  { index }: PlanNode,
  outcomes: readonly (Outcome | undefined)[],
  name: string,
): readonly unknown[] {
  const items: unknown[] = [];
  for (const before of earlier(plan, index)) {
    const outcome = outcomes[before];
    if (outcome?.status === 'success')
      items.push(...((own(outcome.adds, name) as readonly unknown[] | undefined) ?? []));
  }
  return items;
}
