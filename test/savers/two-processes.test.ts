import { firstValueFrom, from, lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { type Child, startChild } from './child.ts';
import { processStores } from './process-stores.ts';
import { openStore } from './store.ts';
import { twoFlow } from './two-flow.ts';

const rounds = 40;

const processes = processStores('two-child');

/** What a process says until it says a word; that line is the last. */
async function until({ written, process }: Child, word: string): Promise<readonly string[]> {
  for (;;) {
    const lines = written.out.split('\n').slice(0, -1);
    const at = lines.findIndex((line) => line.startsWith(word));
    if (at >= 0) {
      written.out = written.out
        .split('\n')
        .slice(at + 1)
        .join('\n');
      return lines.slice(0, at + 1);
    }
    if (process.exitCode !== null) throw new Error(`A process has ended: ${written.err}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

for (const [name, makePlace] of Object.entries(processes.stores)) {
  test(`5.6 ${name}: of two processes that resume one run at once, one goes on, the other is stale`, async () => {
    const place = await makePlace();
    const { saver, close } = openStore(place);
    const flow = twoFlow(true);
    const { output } = await twoFlow(false).complete({ n: 1 });
    const children = [startChild(processes.script, place), startChild(processes.script, place)];
    const tell = (line: string) => {
      for (const child of children) child.process.stdin?.write(`${line}\n`);
    };
    for (let round = 0; round < rounds; round++) {
      const id = `run-${round}`;
      // Every other run was claimed by a process that ended before it stored anything else.
      const isBegun = round % 2 === 0;
      const identity = { id: flow.id, hash: flow.hash };
      if (isBegun) await flow.complete({ n: 1 }, { id, saver }).catch(() => undefined);
      else
        await firstValueFrom(
          from(saver.claim({ runId: id, flow: identity, input: { n: 1 }, t: 1 })),
        );
      tell(id);
      await Promise.all(children.map((child) => until(child, 'loaded')));
      tell('go');
      const said = await Promise.all(children.map((child) => until(child, 'ended')));
      const ends = said.map((lines) => lines.at(-1)).sort();
      expect(ends, `round ${round}`).toEqual(['ended stale-run', 'ended success']);
      const began = said
        .flat()
        .filter((line) => line.startsWith('began'))
        .sort();
      const steps = isBegun ? ['c', 'd'] : ['a', 'b', 'c', 'd'];
      expect(began, `round ${round}`).toEqual(steps.map((path) => `began ${path}`));
      const state = await firstValueFrom(from(saver.load(id)));
      expect(state, `round ${round}`).toMatchObject({ status: 'success', output });
      const commits = await lastValueFrom(from(saver.history(id)).pipe(toArray()));
      expect(commits.at(-1)?.snapshot).toEqual(state);
    }
    for (const { process } of children) process.stdin?.end();
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    await close();
  }, 120_000);
}
