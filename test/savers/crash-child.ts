/** Runs or resumes flows until it is killed. Each acknowledged seq is a line on stdout, each step that begins a line in a file. */
import { appendFileSync, writeSync } from 'node:fs';
import type { Durability, Saver } from 'millrace';
import { firstValueFrom, from, tap } from 'rxjs';
import { crashFlow, inputOf } from './crash-flow.ts';
import { openStore, type Place } from './store.ts';

export interface ChildTask {
  readonly place: Place;
  readonly ids: readonly string[];
  /** The file for traces. */
  readonly traces: string;
  /** The how manyth process this is for these runs. */
  readonly generation: number;
  /** How long a step takes at most, in ms. */
  readonly latency: number;
}

const task = JSON.parse(process.argv[2] as string) as ChildTask;
const { saver, close } = openStore(task.place);

const telling = (id: string): Saver =>
  Object.assign(Object.create(saver) as Saver, {
    save: (commits$: Parameters<Saver['save']>[0]) =>
      saver.save(commits$).pipe(tap((seq) => writeSync(1, `${id} ${seq}\n`))),
  });

const flow = crashFlow(
  ({ runId, path, idempotencyKey }) =>
    appendFileSync(task.traces, `${task.generation} ${runId} ${path} ${idempotencyKey}\n`),
  () => Math.random() * task.latency,
);

const durabilities: readonly Durability[] = ['async', 'sync'];

await Promise.all(
  task.ids.map(async (id, index) => {
    const state = await firstValueFrom(from(saver.load(id)));
    if (state?.status === 'success') return;
    const options = { saver: telling(id), durability: durabilities[index % 2] as Durability };
    const run = state ? flow.resume(id, options) : flow.start(inputOf(id), { ...options, id });
    await run.result;
  }),
);
await close();
