import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { scenarios } from './virtual-scenarios.ts';

const runs = 2000;

/** Keeps every core busy, and one more. */
async function saturate(): Promise<void> {
  const burn = 'for (let i = 0; ; i++) Math.sqrt(i);';
  const workers = Array.from(
    { length: availableParallelism() + 1 },
    () => new Worker(burn, { eval: true }),
  );
  onTestFinished(async () => void (await Promise.all(workers.map((worker) => worker.terminate()))));
  await Promise.all(workers.map((worker) => new Promise((online) => worker.on('online', online))));
}

test(`${runs} runs on a machine with no core to spare, and none is wrong`, async () => {
  await saturate();
  const wrong: string[] = [];
  for (let i = 0; i < runs; i++) {
    const { law, run, expected } = scenarios[i % scenarios.length]!;
    try {
      expect(await run()).toEqual(expected);
    } catch (error) {
      wrong.push(`run ${i}, ${law}: ${(error as Error).message}`);
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);
