/** Laws of reading: the last state, lists, the history, and what is deleted. */

import { concatMap, delay, firstValueFrom, from, of, Subject, take, tap } from 'rxjs';
import { applyPatches, type Claim, claimedSnapshot, emptySnapshot, type Saver } from '../index.ts';
import { every, once, put, refusal, type Say, Story, same, told } from './saver-story.ts';

const idsOf = async (saver: Saver, query = {}): Promise<readonly string[]> =>
  ((await once(saver.list(query))) ?? []).map(({ runId }) => runId);

/** Runs of two flows, and of three parents. */
const family = async (saver: Saver): Promise<void> => {
  const flow = (id: string): Pick<Claim, 'flow'> => ({ flow: { id, hash: 'h' } });
  await told(saver, new Story('a1', { ...flow('a'), t: 1 }).end());
  await told(saver, new Story('b1', { ...flow('b'), t: 2 }).step('x', 1));
  await told(saver, new Story('a2', { ...flow('a'), t: 3, parentId: 'a1' }).end());
  await told(saver, new Story('a3', { ...flow('a'), t: 4, parentId: 'a1' }));
  await told(saver, new Story('b2', { ...flow('b'), t: 5, parentId: 'b1' }).end());
};

export function stateLaws(say: Say): void {
  say('a claimed run is known before its first commit, and what it is run with', async (given) => {
    const input = { url: 'x', list: [1, { deep: true }] };
    const { claim } = new Story('one', { parentId: 'zero', input, t: 7 });
    await once(given.saver.claim(claim));
    const state = await once((await given.again()).load('one'));
    const empty = emptySnapshot('one', claim.flow);
    same(state, { ...empty, parentId: 'zero', input }, 'the state');
    same(await every(given.saver.history('one')), [], 'its history');
    const summary = { runId: 'one', parentId: 'zero', flowId: 'story', status: 'pending', seq: -1 };
    same(await once(given.saver.list({})), [summary], 'the list');
  });

  say('of a run that nobody has claimed nothing is known', async ({ saver }) => {
    await told(saver, new Story('none\ufffd', { parentId: 'none\ufffd' }));
    // What has no form in UTF-8 is not the id of that run either.
    for (const id of ['none', 'none\0', 'none\ud800']) {
      same(await once(saver.load(id)), undefined, 'the state');
      same(await once(saver.last({ flowId: id })), undefined, 'the last run');
      same(await once(saver.list({ parentId: id })), [], 'the list');
      same(await every(saver.history(id)), [], 'the history');
      await once(saver.delete(id));
    }
    same(await idsOf(saver), ['none\ufffd'], 'what is left');
  });

  say('load gives the state after the last commit', async ({ saver, again }) => {
    const story = new Story('one').steps(3);
    story.tell({ type: 'STEP_START', input: { n: 1 } }, 'retried');
    const error = { name: 'Error', message: 'down' };
    story.tell({ type: 'STEP_RETRY', attempt: 1, delay: 5, error }, 'retried');
    story.tell({ type: 'STEP_WAIT', question: { text: 'Really?' } }, 'asked');
    story.tell({ type: 'STEP_START', input: { n: 1 } }, 'flow').step('flow.old', 1);
    story.step('flow.both', 1);
    story.tell({ type: 'STEP_RETRY', attempt: 1, delay: 5, error, anew: true }, 'flow');
    story.tell({ type: 'STEP_START', input: { n: 2 } }, 'flow.both');
    const detail = { message: 'its condition does not hold', source: 's0' };
    story.tell({ type: 'STEP_SKIP', reason: 'condition-false', detail }, 'skipped');
    await told(saver, story);
    same(await once(saver.load('one')), story.snapshot, 'the state');
    const ended = story.branch().tell({ type: 'FLOW_ERROR', error, data: { memory: [1] } });
    await put(saver, ended.commits);
    same(await once((await again()).load('one')), ended.snapshot, 'the state at the end');
    const resumed = ended.branch().tell({
      type: 'FLOW_START',
      flow: 'story',
      input: { other: 1 },
      resumed: true,
    });
    await put(saver, resumed.commits);
    same(await once(saver.load('one')), resumed.snapshot, 'the state when the run goes on');
    const [summary] = (await once(saver.list({}))) ?? [];
    same(summary?.t1, undefined, 'when a run ended that goes on');
  });

  say('last gives the state of the newest run of a flow, or of a parent', async ({ saver }) => {
    await family(saver);
    const last = async (query = {}) => (await once(saver.last(query)))?.runId;
    same(await last({}), 'b2', 'the newest run');
    same(await last({ flowId: 'a' }), 'a3', 'the newest run of a flow');
    same(await last({ parentId: 'a1' }), 'a3', 'the newest child');
    same(await last({ flowId: 'a', parentId: 'b1' }), undefined, 'a run that there is not');
    const state = await once(saver.last({ flowId: 'a' }));
    same(state?.parentId, 'a1', 'its parent');
    same(state, await once(saver.load('a3')), 'its state');
  });

  say('list gives the newest first, those that fit, and no more than wanted', async ({ saver }) => {
    await family(saver);
    same(await idsOf(saver), ['b2', 'a3', 'a2', 'b1', 'a1'], 'all');
    same(await idsOf(saver, { flowId: 'a' }), ['a3', 'a2', 'a1'], 'those of a flow');
    same(await idsOf(saver, { parentId: 'a1' }), ['a3', 'a2'], 'the children');
    same(await idsOf(saver, { status: 'running' }), ['a3', 'b1'], 'those that run');
    same(await idsOf(saver, { flowId: 'a', status: 'success', limit: 1 }), ['a2'], 'one of them');
    const [summary] = (await once(saver.list({ flowId: 'b', limit: 1 }))) ?? [];
    const known = { runId: 'b2', parentId: 'b1', flowId: 'b', status: 'success', seq: 1 };
    same(summary, { ...known, t0: 5, t1: 6 }, 'what the list tells');
  });

  say('list gives a hundred runs where nobody says how many', async ({ saver }) => {
    for (let t = 0; t < 105; t++) await once(saver.claim(new Story(`run-${t}`, { t }).claim));
    same((await idsOf(saver)).length, 100, 'the number of runs');
    same((await idsOf(saver, { limit: 104 })).at(-1), 'run-1', 'the last of 104');
  });

  say('history gives every commit in order, each with the state after it', async (given) => {
    const story = await told(given.saver, new Story('one').chunks(2).steps(150).end());
    const history = await every((await given.again()).history('one'));
    same(history.length, story.commits.length, 'the number of commits');
    history.forEach((commit, index) => {
      same({ ...commit }, { ...story.commits[index] }, `commit ${index}`);
    });
  });

  say('the patches of all commits make each state of that of the claim', async ({ saver }) => {
    const { claim, commits } = await told(saver, new Story('one').steps(20).end());
    let state = claimedSnapshot(claim);
    for (const [index, { patches }] of (await every(saver.history('one'))).entries()) {
      state = applyPatches(state, patches);
      same(state, commits[index]?.snapshot, `the state after commit ${index}`);
    }
  });

  say('history can be left before its end, and read slowly', async ({ saver }) => {
    const { commits } = await told(saver, new Story('one').steps(60));
    same((await every(from(saver.history('one')).pipe(take(3)))).length, 3, 'the part');
    const slowly = from(saver.history('one')).pipe(
      concatMap((commit, index) => (index % 20 ? of(commit.seq) : of(commit.seq).pipe(delay(1)))),
    );
    same(
      await every(slowly),
      commits.map(({ seq }) => seq),
      'the whole',
    );
  });

  say('after each of 250 commits the state is the one after it', async ({ saver }) => {
    const story = new Story('one', { input: { big: 'x'.repeat(1000) } }).steps(125);
    await once(saver.claim(story.claim));
    for (const commit of story.commits) {
      await put(saver, [commit]);
      same(await once(saver.load('one')), commit.snapshot, `the state after ${commit.seq}`);
    }
  });

  say('five thousand commits are stored, loaded and read again', async ({ saver, again }) => {
    const story = new Story('one');
    for (let round = 0; story.commits.length < 5000; round++)
      story.step(`s${round % 70}`, { round });
    await told(saver, story);
    same(await once((await again()).load('one')), story.snapshot, 'the state');
    const history = await every(saver.history('one'));
    same(history.length, story.commits.length, 'the number of commits');
    same({ ...history.at(-1) }, { ...story.commits.at(-1) }, 'the last commit');
  });

  say('a deleted run is gone, its id is free, and its writer is stale', async ({ saver }) => {
    const story = await told(saver, new Story('one').steps(3));
    await told(saver, new Story('other').steps(1));
    await once(saver.delete('one'));
    same(await once(saver.load('one')), undefined, 'the state');
    same(await every(saver.history('one')), [], 'the history');
    same(await idsOf(saver), ['other'], 'the list');
    await refusal(put(saver, story.branch().steps(1).commits), 'stale-run', 'its writer');
    const { snapshot } = await told(
      saver,
      new Story('one').steps(1, () => 'anew'),
    );
    same(await once(saver.load('one')), snapshot, 'the state of the new run');
    same((await every(saver.history('one'))).length, 3, 'its commits');
  });

  say('a run that is deleted while it is written stops its writer', async ({ saver, again }) => {
    const story = new Story('one').steps(4);
    await once(saver.claim(story.claim));
    const commits$ = new Subject<(typeof story.commits)[number]>();
    const heard = new Subject<number>();
    const end = saver.save(commits$).pipe(tap((seq) => heard.next(seq)));
    const writer = every(end);
    const first = firstValueFrom(heard);
    commits$.next(story.commits[0] as (typeof story.commits)[number]);
    await first;
    await once((await again()).delete('one'));
    for (const commit of story.commits.slice(1)) commits$.next(commit);
    commits$.complete();
    await refusal(writer, 'stale-run', 'its writer');
    same(await once(saver.load('one')), undefined, 'the state');
  });

  say('prune keeps the newest runs of each flow', async ({ saver }) => {
    for (let t = 0; t < 6; t++) {
      const flow = { id: t % 2 ? 'odd' : 'even', hash: 'h' };
      await told(saver, new Story(`run-${t}`, { flow, t }).end());
    }
    same(await once(saver.prune({ keepLast: 2 })), 2, 'how many were too many');
    same(await idsOf(saver), ['run-5', 'run-4', 'run-3', 'run-2'], 'what is left');
    same(await once(saver.prune({ keepLast: 1, olderThan: 4 })), 1, 'how many were old, too');
    same(await idsOf(saver), ['run-5', 'run-4', 'run-3'], 'what is left');
  });

  say('S4 prune lets stay what goes on in the meantime', async ({ saver, again }) => {
    const stories: Story[] = [];
    for (let run = 0; run < 30; run++)
      stories.push(await told(saver, new Story(`run-${run}`).end()));
    const other = await again();
    const pruned = once(saver.prune({ olderThan: 10_000 }));
    const goOn = async (story: Story, turn: number): Promise<void> => {
      for (let turns = 0; turns < turn; turns++) await undefined;
      const { commits, claim, snapshot } = story
        .branch()
        .tell({ type: 'FLOW_START', flow: 'story', input: {} });
      const stored = await put(other, commits).catch(() => []);
      if (stored.length > 0)
        same(await once(other.load(claim.runId)), snapshot, 'the state of a run that went on');
    };
    await Promise.all(stories.map((story, index) => goOn(story, 3 * index)));
    await pruned;
    for (const { runId, status, seq } of (await once(saver.list({}))) ?? []) {
      same([status, seq], ['running', 2], 'what is left');
      same((await once(saver.load(runId)))?.seq, seq, 'its state');
    }
  });

  say('prune deletes ended runs that are old, or too many of their flow', async ({ saver }) => {
    await family(saver);
    same(await once(saver.prune({ olderThan: 3 })), 1, 'how many were too old');
    same(await idsOf(saver), ['b2', 'a3', 'a2', 'b1'], 'what is left');
    same(await once(saver.prune({ keepLast: 1 })), 1, 'how many were too many');
    same(await idsOf(saver), ['b2', 'a3', 'b1'], 'what is left');
    same(await once(saver.prune({ olderThan: 100, keepLast: 1 })), 0, 'how many fit in both');
    same(await once(saver.prune({ olderThan: 5, unfinished: true })), 2, 'unfinished ones');
    same(await idsOf(saver), ['b2'], 'what is left');
    same(await once(saver.load('a3')), undefined, 'the state of what is gone');
    await refusal(
      (async () => once(saver.prune({})))(),
      'invalid-option',
      'to prune without saying what',
    );
  });
}
