import { readFileSync } from 'node:fs';
import type { Snapshot } from 'millrace';
import { firstValueFrom, from, lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { type Child, startChild } from './child.ts';
import type { ChildTask } from './crash-child.ts';
import { crashFlow, inputOf } from './crash-flow.ts';
import { processStores } from './process-stores.ts';
import { openStore, type Place } from './store.ts';

const killsEach = 70;
const runsAtOnce = 6;

const processes = processStores('crash-child');

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Kills a process some time after its first words, and now and then before. */
async function killed(child: Child): Promise<boolean> {
  if (Math.random() < 0.85) {
    while (child.written.out === '' && child.process.exitCode === null) await sleep(2);
    await sleep(Math.random() * 120);
  } else await sleep(Math.random() * 250);
  child.process.kill('SIGKILL');
  const end = await child.ended;
  if (end !== 'SIGKILL' && end !== 0)
    throw new Error(`A process ended with ${end}: ${child.written.err}`);
  return end === 'SIGKILL';
}

/** What is known of the runs of a lane from the processes that ran them. */
class Witness {
  private readonly acknowledged = new Map<string, number>();
  /** Steps that were stored as ended, and in which generation. */
  private readonly ended = new Map<string, number>();
  private readonly traces: string;

  constructor(traces: string) {
    this.traces = traces;
  }

  /** What a process had acknowledged when it was gone. A line that it was killed in does not count. */
  hear({ written }: Child): void {
    for (const line of written.out.split('\n').slice(0, -1)) {
      const [id, seq] = line.split(' ') as [string, string];
      this.acknowledged.set(id, Math.max(Number(seq), this.acknowledged.get(id) ?? -1));
    }
  }

  /** Looks whether the store has all of it. */
  async look(place: Place, ids: readonly string[], generation: number): Promise<Snapshot[]> {
    const { saver, close } = openStore(place);
    const states: Snapshot[] = [];
    for (const id of ids) {
      const state = await firstValueFrom(from(saver.load(id)));
      const commits = await lastValueFrom(from(saver.history(id)).pipe(toArray()));
      const seq = this.acknowledged.get(id) ?? -1;
      expect(state?.seq ?? -1, `what is stored of ${id}`).toBeGreaterThanOrEqual(seq);
      if (seq >= 0) expect(commits.map((commit) => commit.seq)).toContain(seq);
      if (commits.length > 0) expect(commits.at(-1)?.snapshot).toEqual(state);
      if (state) states.push(state);
      for (const [path, step] of Object.entries(state?.steps ?? {})) {
        const at = `${id} ${path}`;
        if (step.status === 'success' && !this.ended.has(at)) this.ended.set(at, generation);
      }
    }
    await close();
    return states;
  }

  /** Whether a step was begun again that had ended, or was called by another key. */
  judge(): void {
    const keys = new Map<string, string>();
    for (const line of readFileSync(this.traces, 'utf8').split('\n').slice(0, -1)) {
      const [generation, id, path, key] = line.split(' ') as [string, string, string, string];
      const at = `${id} ${path}`;
      expect(keys.get(at) ?? key, `the key of ${at}`).toBe(key);
      keys.set(at, key);
      const ended = this.ended.get(at) ?? Number.POSITIVE_INFINITY;
      expect(Number(generation), `${at} ended in ${ended} and began again in`).toBeLessThanOrEqual(
        ended,
      );
    }
  }
}

/** Runs and kills until there were enough kills; gives back how many runs there were. */
async function lane(name: string, place: Place, kills: number): Promise<number> {
  const traces = `${processes.folder.path}/${name}.log`;
  const witness = new Witness(traces);
  const quiet = crashFlow(
    () => undefined,
    () => 0,
  );
  let runs = 0;
  for (let killsLeft = kills; killsLeft > 0; ) {
    const ids = Array.from({ length: runsAtOnce }, () => `${name}-${runs++}`);
    const task: ChildTask = { place, ids, traces, generation: 0, latency: 60 };
    const now = (generation: number): ChildTask => ({ ...task, generation });
    let generation = 0;
    for (let alive = true; alive && killsLeft > 0; generation++) {
      const child = startChild(processes.script, now(generation));
      alive = await killed(child);
      if (alive) killsLeft -= 1;
      witness.hear(child);
      await witness.look(place, ids, generation);
    }
    const last = startChild(processes.script, now(generation));
    expect(await last.ended, last.written.err).toBe(0);
    witness.hear(last);
    const states = await witness.look(place, ids, generation);
    for (const id of ids) {
      const { output } = await quiet.complete(inputOf(id));
      expect(states.find(({ runId }) => runId === id)).toMatchObject({ status: 'success', output });
    }
  }
  witness.judge();
  return runs;
}

for (const [name, makePlace] of Object.entries(processes.stores)) {
  test(`5.12 ${name}: ${killsEach} kills lose nothing that was acknowledged, and every run is resumed to its end`, async () => {
    const place = await makePlace();
    // Two at a time in one store.
    const lanes = ['left', 'right'].map((side) =>
      lane(`${place.kind}-${side}`, place, killsEach / 2),
    );
    const runs = await Promise.all(lanes);
    expect(runs.every((count) => count >= runsAtOnce)).toBe(true);
  }, 180_000);
}
