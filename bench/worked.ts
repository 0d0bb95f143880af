/** How long this thread has worked, in ms. On Linux what other processes take meanwhile does not count; elsewhere it is the clock. */
import { existsSync, openSync, readSync } from 'node:fs';

const file = '/proc/thread-self/schedstat';

export const worked: () => number = existsSync(file) ? onCpu() : () => performance.now();

function onCpu(): () => number {
  const descriptor = openSync(file, 'r');
  const text = Buffer.alloc(64);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return () => {
    // The kernel adds up a thread's time when the thread lets go of the processor: a moment of sleep makes it do so.
    Atomics.wait(cell, 0, 0, 0.01);
    const length = readSync(descriptor, text, 0, text.length, 0);
    return Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6;
  };
}
