/** Laws of whole runs: random flows are run, stored, read again and gone on with. */

import { finalize, Observable, takeWhile, tap } from 'rxjs';
import {
  applyPatches,
  type Commit,
  type CompiledFlow,
  claimedSnapshot,
  type Durability,
  Flow,
  type FlowEvent,
  question,
  type Run,
  reduce,
  type Saver,
  type StepNode,
} from '../index.ts';
import { every, once, randomFrom, type Say, same } from './saver-story.ts';

type Params = Readonly<Record<string, unknown>>;
type AnyFlow = CompiledFlow<{ readonly n: number }, unknown>;

const answer = {
  '~standard': { version: 1, vendor: 'millrace', validate: (value: unknown) => ({ value }) },
} as const;

/** A flow whose shape, results and accidents follow from the seed. Each result is a function of what the step reads. */
function randomFlow(seed: number, asks: boolean): AnyFlow {
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const flow = new Flow<{ n: number }>(`random-${seed}`);
  const nodes: StepNode<unknown>[] = [];
  const count = 2 + below(9);
  for (let index = 0; index < count; index++) {
    const params: Record<string, unknown> = { n: flow.input.n };
    for (const node of nodes) if (random() < 0.35) params[node.id] = node.out;
    const [delay, size, fails] = [below(4), below(40), random() < 0.2];
    const code = async (given: Params, { attempt }: { attempt: number }): Promise<unknown> => {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      if (fails && attempt === 1) throw new Error(`accident in s${index}`);
      return { id: index, heard: Object.keys(given).sort(), text: 'x'.repeat(size) };
    };
    const isQuestion = asks && index === count - 1;
    nodes.push(
      isQuestion
        ? flow.step('asked', question({ answer }), params as never)
        : flow.step(`s${index}`, code, params as never, { retry: { count: 1 } }),
    );
  }
  return flow.output(
    Object.fromEntries(nodes.map(({ id, out }) => [id, out])) as never,
  ) as unknown as AnyFlow;
}

/** A saver that notes the commits that it is given. */
function noting(saver: Saver, commits: Commit[]): Saver {
  return passing(saver, (commits$) =>
    saver.save(commits$.pipe(tap((commit) => commits.push(commit)))),
  );
}

interface Dying {
  readonly saver: Saver;
  /** The process is gone, and what it had stored is stored: from now on nothing comes from it. */
  readonly gone: Promise<void>;
}

/** A saver whose process is gone after so many commits: it hears nothing any more, and says nothing. */
function dying(saver: Saver, after: number): Dying {
  let over: () => void;
  let failed: (error: unknown) => void;
  const gone = new Promise<void>((resolve, reject) => {
    [over, failed] = [resolve, reject];
  });
  const save: Saver['save'] = (commits$) => {
    const heard = saver.save(commits$.pipe(takeWhile((_, index) => index < after)));
    return new Observable((out) =>
      heard.subscribe({ next: (seq) => out.next(seq), error: failed, complete: over }),
    );
  };
  return { saver: passing(saver, save), gone };
}

interface Marking {
  readonly saver: Saver;
  readonly reached: Promise<void>;
}

/** A saver that tells when so many acknowledgements have come, or no more will. */
function marking(saver: Saver, count: number): Marking {
  let tell: () => void;
  const reached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const save: Saver['save'] = (commits$) => {
    let heard = 0;
    if (count === 0) tell();
    return saver.save(commits$).pipe(
      tap(() => {
        heard += 1;
        if (heard >= count) tell();
      }),
      finalize(() => tell()),
    );
  };
  return { saver: passing(saver, save), reached };
}

const passing = (saver: Saver, save: Saver['save']): Saver => ({
  claim: (run) => saver.claim(run),
  save,
  load: (runId) => saver.load(runId),
  last: (query) => saver.last(query),
  list: (query) => saver.list(query),
  history: (runId) => saver.history(runId),
  delete: (runId) => saver.delete(runId),
  prune: (retention) => saver.prune(retention),
});

/** Everything that a run tells, to its end, and the output of it. */
async function finished(run: Run<unknown>): Promise<{ events: FlowEvent[]; output: unknown }> {
  const events = every(run.events$);
  const output = await run.result.catch((error: { code?: string }) => error.code);
  return { events: await events, output };
}

export function runLaws(say: Say, runs: number): void {
  say('the fold of patches 0 to n is the state after event n, for random runs', async (given) => {
    const durabilities: Durability[] = ['async', 'sync', 'exit'];
    for (let seed = 1; seed <= runs; seed++) {
      const commits: Commit[] = [];
      const durability = durabilities[seed % 3] as Durability;
      const saver = noting(given.saver, commits);
      const run = randomFlow(seed, seed % 5 === 0).start({ n: seed }, { saver, durability });
      const { events } = await finished(run);
      const history = await every(given.saver.history(run.id));
      same(history.length, commits.length, `run ${seed}: the number of commits`);
      const { flow } = run.getSnapshot();
      let folded = claimedSnapshot({ runId: run.id, flow, input: { n: seed }, t: 0 });
      let reduced = folded;
      for (const [index, stored] of history.entries()) {
        for (const event of events)
          if (event.seq > reduced.seq && event.seq <= stored.seq) reduced = reduce(reduced, event);
        folded = applyPatches(folded, stored.patches);
        const where = `run ${seed}, seq ${stored.seq}`;
        same(folded, reduced, `${where}: the fold of the stored patches`);
        same(stored.snapshot, reduced, `${where}: the stored state`);
        same({ ...stored }, { ...commits[index] }, `${where}: the commit`);
      }
      same(await once(given.saver.load(run.id)), run.getSnapshot(), `run ${seed}: the last state`);
    }
  });

  say('a run whose process is gone is resumed to the same output', async ({ saver, again }) => {
    for (let seed = 1; seed <= runs; seed++) {
      const flow = randomFlow(seed, false);
      const expected = (await flow.complete({ n: seed })).output;
      const id = `run-${seed}`;
      const dead = dying(saver, seed % 12);
      const lost = flow.start({ n: seed }, { id, saver: dead.saver, durability: 'sync' });
      await Promise.race([dead.gone, lost.result.then(() => dead.gone)]);
      const before = await once(saver.load(id));
      if (before?.status !== 'success') {
        const { output } = await finished(flow.resume(id, { saver: await again() }));
        same(output, expected, `run ${seed}: the output`);
      }
      const after = await once(saver.load(id));
      same([after?.status, after?.output], ['success', expected], `run ${seed}: the state`);
      for (const [path, step] of Object.entries(before?.steps ?? {})) {
        if (step.status !== 'success') continue;
        same(after?.steps[path], step, `run ${seed}: ${path}, which had ended`);
      }
      lost.cancel();
    }
  });

  say(
    'S2 a run that is resumed while it still goes on is finished by one of the two',
    async (given) => {
      const { saver, again } = given;
      for (let seed = 1; seed <= runs; seed++) {
        const flow = randomFlow(seed, false);
        const expected = (await flow.complete({ n: seed })).output;
        const id = `run-${seed}`;
        const durability = seed % 2 ? 'sync' : 'async';
        const { saver: heard, reached } = marking(saver, seed % 7);
        const first = flow.start({ n: seed }, { id, saver: heard, durability });
        await Promise.race([reached, first.result.then(() => undefined)]);
        const second = flow.resume(id, { saver: await again(), durability });
        const ends = [await finished(first), await finished(second)];
        const outputs = ends.map(({ output }) => output);
        // Where the first one was over before the other had looked, there is nothing to resume.
        const lost = outputs.filter((end) => end === 'stale-run' || end === 'invalid-option');
        same(lost.length, 1, `run ${seed}: how many of ${JSON.stringify(outputs)} had to give way`);
        const won = ends.find(({ output }) => typeof output !== 'string');
        same(won?.output, expected, `run ${seed}: the output of the other`);
        const state = await once(saver.load(id));
        same([state?.status, state?.output], ['success', expected], `run ${seed}: the state`);
        const history = await every(saver.history(id));
        same(history.at(-1)?.snapshot, state, `run ${seed}: the state after the last commit`);
      }
    },
  );

  say('a suspended run is answered from another saver', async ({ saver, again }) => {
    const flow = randomFlow(5, true);
    const { output } = await finished(flow.start({ n: 1 }, { id: 'asks', saver }));
    same(output, 'suspended', 'how the run ended');
    same((await once(saver.load('asks')))?.status, 'suspended', 'the stored status');
    const answers = { asked: { yes: [1, 'ü'] } };
    const resumed = await finished(flow.resume('asks', { saver: await again(), answers }));
    same((resumed.output as Params)['asked'], answers.asked, 'the answer in the output');
    same((await once(saver.load('asks')))?.status, 'success', 'the stored status at the end');
  });
}
