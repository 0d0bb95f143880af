/** The contract finds faults: a saver with any of these must not pass. */
import { type Claim, type Commit, MemorySaver, type Saver } from 'millrace';
import { saverContract } from 'millrace/testing';
import { catchError, concatMap, from, map, mergeMap, of, skipLast, tap, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { once } from '../../src/testing/saver-story.ts';

type Faulty = (right: MemorySaver) => Partial<Saver>;

const faults: Readonly<Record<string, Faulty>> = {
  'claims an id again': (right) => ({
    claim: (run) => from(right.claim(run)).pipe(catchError(() => of(undefined))),
  }),
  'forgets the input of a claim': (right) => ({
    claim: ({ input: _, ...run }: Claim) => right.claim(run),
  }),
  'takes a commit whatever is stored': (right) => {
    const states = new Map<string, Commit>();
    return {
      save: (commits$) =>
        commits$.pipe(
          tap((commit) => states.set(commit.runId, commit)),
          map(({ seq }) => seq),
        ),
      load: (runId) => {
        const commit = states.get(runId);
        return commit ? of(commit.snapshot) : right.load(runId);
      },
    };
  },
  'acknowledges before it has stored': (right) => ({
    save: (commits$) =>
      commits$.pipe(
        tap((commit) => setTimeout(() => right.save(of(commit)).subscribe(), 5)),
        map(({ seq }) => seq),
      ),
  }),
  'acknowledges nothing until the end': (right) => ({
    save: (commits$) =>
      right.save(commits$).pipe(
        toArray(),
        mergeMap((seqs) => seqs),
      ),
  }),
  'does not store the last commit': (right) => ({
    save: (commits$) => right.save(commits$.pipe(skipLast(1))),
  }),
  'errors with something else than stale-run': (right) => ({
    save: (commits$) =>
      right.save(commits$).pipe(
        catchError(() => {
          throw new Error('conflict');
        }),
      ),
  }),
  'looks whether a commit fits before it is its turn': (right) => ({
    // What is compared is no longer so when it is stored.
    save: (commits$) =>
      commits$.pipe(
        concatMap(async (commit) => {
          const stored = await once(right.load(commit.runId));
          if (stored?.seq !== commit.prev) await once(right.save(of(commit)));
          await new Promise((resolve) => setTimeout(resolve, 1));
          const now = await once(right.load(commit.runId));
          await once(right.save(of({ ...commit, prev: now?.seq ?? -1 })));
          return commit.seq;
        }),
      ),
  }),
  'gives the oldest run as the last': (right) => ({
    last: (query) =>
      right.list({ ...query, limit: 1000 }).pipe(
        mergeMap((runs) => {
          const run = runs.at(-1);
          return run ? right.load(run.runId) : of(undefined);
        }),
      ),
  }),
  'lists whatever status': (right) => ({ list: ({ status: _, ...query }) => right.list(query) }),
  'lists all': (right) => ({ list: (query) => right.list({ ...query, limit: 1000 }) }),
  'gives the history without its end': (right) => ({
    history: (runId) => right.history(runId).pipe(skipLast(1)),
  }),
  'gives the history with the last state everywhere': (right) => ({
    history: (runId) =>
      right.history(runId).pipe(
        toArray(),
        mergeMap((commits) => commits.map((each) => ({ ...each, ...last(commits) }))),
      ),
  }),
  'does not delete': () => ({ delete: () => of(undefined) }),
  'prunes what has not ended': (right) => ({
    prune: (retention) => right.prune({ ...retention, unfinished: true }),
  }),
  'loses what JSON has no form for': (right) => ({
    load: (runId) =>
      right.load(runId).pipe(map((state) => state && JSON.parse(JSON.stringify(state)))),
  }),
  'acknowledges a seq that no commit has': (right) => ({
    save: (commits$) => right.save(commits$).pipe(map((seq) => seq + 1000)),
  }),
};

const last = (commits: readonly Commit[]): Pick<Commit, 'snapshot'> | undefined => {
  const commit = commits.at(-1);
  return commit && { snapshot: commit.snapshot };
};

/** The laws that a saver breaks. */
async function broken(makeSaver: () => Saver): Promise<readonly string[]> {
  const laws: [string, () => Promise<void>][] = [];
  const note = (sentence: string, law: () => Promise<void>) => void laws.push([sentence, law]);
  saverContract('it', () => ({ saver: makeSaver() }), { test: note, runs: 4 });
  const found: string[] = [];
  for (const [sentence, law] of laws) {
    const isKept = await Promise.race([
      law().then(
        () => true,
        () => false,
      ),
      new Promise((resolve) => setTimeout(resolve, 500, false)),
    ]);
    if (!isKept) found.push(sentence);
    if (found.length > 0) break;
  }
  return found;
}

for (const [fault, make] of Object.entries(faults)) {
  test(`a saver that ${fault} breaks a law of the contract`, async () => {
    const makeSaver = () => {
      const right = new MemorySaver();
      return Object.assign(Object.create(right) as Saver, make(right));
    };
    expect(await broken(makeSaver)).not.toEqual([]);
  });
}

test('what a law says of a fault tells the two values apart, and names the error that came instead', async () => {
  const messageOf = (fault: string, law: string): Promise<string> => {
    const makeSaver = () => {
      const right = new MemorySaver();
      return { saver: Object.assign(Object.create(right) as Saver, faults[fault]?.(right)) };
    };
    const laws = new Map<string, () => Promise<void>>();
    saverContract('it', makeSaver, { test: (sentence, check) => laws.set(sentence, check) });
    return (laws.get(`it: ${law}`)?.() ?? Promise.resolve()).then(String, ({ message }) => message);
  };
  const json = 'loses what JSON has no form for';
  expect([
    await messageOf(json, 'a date comes back, or is refused with its place'),
    await messageOf(json, 'NaN comes back, or is refused with its place'),
    await messageOf(json, 'minus zero comes back, or is refused with its place'),
    await messageOf(
      'errors with something else than stale-run',
      'S2 a run that was never claimed stores nothing',
    ),
  ]).toEqual([
    "the loaded value: parts[0].value is '2023-11-14T22:13:20.123Z', and should be 2023-11-14T22:13:20.123Z",
    'the loaded value: parts[0].value is null, and should be NaN',
    'the loaded value: parts[0].value is 0, and should be -0',
    'a commit should be refused with stale-run, and was with: conflict',
  ]);
});
