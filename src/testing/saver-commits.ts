/** Laws of writing: claims, order, conflicts, acknowledgement. */

import { firstValueFrom, Subject, take, toArray } from 'rxjs';
import type { Saver } from '../index.ts';
import { every, once, put, refusal, type Say, Story, same, told } from './saver-story.ts';

const seqs = ({ commits }: Story): number[] => commits.map(({ seq }) => seq);

const lastSeq = async (saver: Saver, runId: string): Promise<number | undefined> =>
  (await once(saver.load(runId)))?.seq;

export function commitLaws(say: Say): void {
  say('S1 a run id is claimed once; a second claim errors with run-exists', async (given) => {
    const { claim } = new Story('one');
    await once(given.saver.claim(claim));
    await refusal(once(given.saver.claim(claim)), 'run-exists', 'a second claim');
    const other = await given.again();
    await refusal(once(other.claim(claim)), 'run-exists', 'a claim by another saver');
  });

  say('S1 of ten claims of one id at once, one succeeds', async ({ saver, again }) => {
    const other = await again();
    const claims = Array.from({ length: 10 }, (_, index) =>
      once((index % 2 ? saver : other).claim(new Story('one').claim)).then(
        () => 'claimed',
        (error: { code?: string }) => error.code,
      ),
    );
    const outcomes = (await Promise.all(claims)).sort();
    same(outcomes, ['claimed', ...Array(9).fill('run-exists')], 'what became of the claims');
  });

  say('S1 a second claim leaves what is stored as it is', async ({ saver }) => {
    const { snapshot, claim } = await told(saver, new Story('one').steps(3));
    await refusal(once(saver.claim(claim)), 'run-exists', 'a second claim');
    same(await once(saver.load('one')), snapshot, 'the state');
  });

  say('S2 a commit that does not follow the last stored one is stale-run', async ({ saver }) => {
    const story = await told(saver, new Story('one').steps(2));
    const late = new Story('one').steps(1).commits.slice(-1);
    await refusal(put(saver, late), 'stale-run', 'an older commit');
    const early = story.branch().steps(2).commits.slice(-1);
    await refusal(put(saver, early), 'stale-run', 'a commit with a gap before it');
    same(await once(saver.load('one')), story.snapshot, 'the state');
    same((await every(saver.history('one'))).length, story.commits.length, 'the number of commits');
  });

  say('S2 a run that was never claimed stores nothing', async ({ saver }) => {
    await refusal(put(saver, new Story('one').commits), 'stale-run', 'a commit');
    same(await once(saver.load('one')), undefined, 'the state');
  });

  say('S2 what stands before a commit that does not fit is stored', async ({ saver }) => {
    const { claim, commits } = new Story('one').steps(5);
    await once(saver.claim(claim));
    const torn = [...commits.slice(0, 4), ...commits.slice(6)];
    await refusal(put(saver, torn), 'stale-run', 'a commit with a gap before it');
    same(await lastSeq(saver, 'one'), commits[3]?.seq, 'the last stored seq');
  });

  say('S2 of two that go on from one state, one does', async ({ saver, again }) => {
    const savers = [saver, await again()];
    for (let round = 0; round < 10; round++) {
      const story = await told(saver, new Story(`run-${round}`).steps(2));
      const branches = ['left', 'right'].map((side) => story.branch().steps(3, () => side));
      const outcomes = await Promise.all(
        branches.map(({ commits }, side) =>
          put(savers[side] as Saver, commits).then(
            () => 'stored',
            (error: { code?: string }) => error.code,
          ),
        ),
      );
      same([...outcomes].sort(), ['stale-run', 'stored'], `round ${round}`);
      const winner = branches[outcomes.indexOf('stored')];
      same(
        await once(saver.load(story.claim.runId)),
        winner?.snapshot,
        `round ${round}: the state`,
      );
    }
  });

  say('S2 a writer that was overtaken is stale from then on', async ({ saver, again }) => {
    const story = await told(saver, new Story('one'));
    const late$ = new Subject<(typeof story.commits)[number]>();
    const slow = story.branch().steps(2);
    const late = every(saver.save(late$));
    for (const commit of slow.commits.slice(0, 2)) late$.next(commit);
    while ((await lastSeq(saver, 'one')) !== slow.commits[1]?.seq)
      await new Promise((resolve) => setTimeout(resolve, 2));
    const resumed = new Story('one');
    Object.assign(resumed, { snapshot: await once(saver.load('one')), seq: 100 });
    resumed.commits.length = 0;
    await put(await again(), resumed.steps(2).commits);
    for (const commit of slow.commits.slice(2)) late$.next(commit);
    late$.complete();
    await refusal(late, 'stale-run', 'the overtaken writer');
    same(await once(saver.load('one')), resumed.snapshot, 'the state');
  });

  say(
    'S3 seqs rise, the last one is that of the last commit, then the stream completes',
    async ({ saver }) => {
      const story = new Story('one').chunks(3).steps(50).chunks(2).end();
      await once(saver.claim(story.claim));
      const acknowledged = await put(saver, story.commits);
      same(acknowledged.at(-1), seqs(story).at(-1), 'the last acknowledged seq');
      same(
        acknowledged.every((seq, index) => seq > (acknowledged[index - 1] ?? -1)),
        true,
        'that seqs rise',
      );
      const known = new Set(seqs(story));
      same(
        acknowledged.filter((seq) => !known.has(seq)),
        [],
        'seqs that no commit has',
      );
    },
  );

  say('S3 a commit is acknowledged while the next one is still to come', async ({ saver }) => {
    const { claim, commits } = new Story('one').steps(5);
    await once(saver.claim(claim));
    const commits$ = new Subject<(typeof commits)[number]>();
    const acknowledged: number[] = [];
    const heard = new Subject<void>();
    const subscription = saver.save(commits$).subscribe((seq) => {
      acknowledged.push(seq);
      heard.next();
    });
    for (const commit of commits) {
      const next = acknowledged.at(-1) === commit.seq ? undefined : firstValueFrom(heard);
      commits$.next(commit);
      if (acknowledged.at(-1) !== commit.seq) await next;
      same(acknowledged.at(-1), commit.seq, 'the acknowledged seq');
    }
    subscription.unsubscribe();
    same(await lastSeq(saver, 'one'), commits.at(-1)?.seq, 'the last stored seq');
  });

  say('S3 a stream of nothing completes', async ({ saver }) => {
    same(await put(saver, []), [], 'what was acknowledged');
  });

  say('S4 what was acknowledged is there for whoever opens the store next', async (given) => {
    const story = new Story('one').steps(200);
    await once(given.saver.claim(story.claim));
    const [first] = await every(given.saver.save(storyStream(story)).pipe(take(1), toArray()));
    const other = await given.again();
    const stored = (await lastSeq(other, 'one')) ?? -1;
    same(stored >= (first?.[0] ?? 0), true, 'that the acknowledged commit is stored');
  });

  say('many runs are stored at once', async ({ saver }) => {
    const stories = Array.from({ length: 40 }, (_, index) =>
      new Story(`run-${index}`, { t: index }).steps(10, (step) => index * step).end(index),
    );
    await Promise.all(stories.map((story) => told(saver, story)));
    for (const { claim, snapshot } of stories)
      same(await once(saver.load(claim.runId)), snapshot, `the state of ${claim.runId}`);
  });

  say('one that is stale does not keep others from being stored', async ({ saver }) => {
    const stories = Array.from({ length: 6 }, (_, index) => new Story(`run-${index}`).steps(2));
    for (const { claim } of stories) await once(saver.claim(claim));
    const outcomes = await Promise.all(
      stories.map(({ commits }, index) =>
        put(saver, index % 2 ? commits.slice(1) : commits).then(
          () => 'stored',
          (error: { code?: string }) => error.code,
        ),
      ),
    );
    same(
      outcomes,
      stories.map((_, index) => (index % 2 ? 'stale-run' : 'stored')),
      'outcomes',
    );
  });
}

/** The commits, one a turn, and no end. */
function storyStream({ commits }: Story) {
  const commits$ = new Subject<(typeof commits)[number]>();
  void (async () => {
    for (const commit of commits) {
      await undefined;
      commits$.next(commit);
    }
  })();
  return commits$;
}
