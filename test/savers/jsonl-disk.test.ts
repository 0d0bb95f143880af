import type { Commit } from 'millrace';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { saverContract } from 'millrace/testing';
import { firstValueFrom, Subject, tap } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { every, once, put, Story } from '../../src/testing/saver-story.ts';
import { type Folder, newFolder } from './folder.ts';
import { afterPowerCut, disk, newDisk } from './uneasy-disk.ts';

vi.mock('node:fs/promises', async (original) => {
  const { uneasy } = await import('./uneasy-disk.ts');
  return uneasy(await original());
});

let folder: Folder;
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => {
  newDisk();
  folder.remove();
});

/** A folder that the saver has to make, and the one around it. */
const runs = (): string => `${folder.path}/deep/runs`;

/** Stores a story commit by commit, and calls back at each acknowledgement. */
async function heard(
  saver: JsonlSaver,
  commits: readonly Commit[],
  at: (seq: number) => Promise<void>,
): Promise<void> {
  const commits$ = new Subject<Commit>();
  const acknowledged = new Subject<number>();
  const all = every(saver.save(commits$).pipe(tap((seq) => acknowledged.next(seq))));
  all.catch(() => undefined);
  for (const commit of commits) {
    const next = firstValueFrom(acknowledged);
    commits$.next(commit);
    await at(await next);
  }
  commits$.complete();
  await all;
}

test('5.12 JSON lines, synced: what is acknowledged survives a power cut at any moment, and the run goes on behind what is torn', async () => {
  const story = new Story('one').steps(12).end();
  const saver = new JsonlSaver(runs(), { fsync: true, baseEvery: 5 });
  await once(saver.claim(story.claim));
  const copy = `${folder.path}/copy`;
  const look = async (seq: number): Promise<void> => {
    afterPowerCut(runs(), copy);
    const left = new JsonlSaver(copy);
    const state = await once(left.load('one'));
    expect(state?.seq).toBeGreaterThanOrEqual(seq);
    const rest = story.commits.filter((commit) => commit.seq > (state as { seq: number }).seq);
    await put(left, rest);
    expect(await once(left.load('one'))).toEqual(story.snapshot);
  };
  await look(-1);
  const half = story.commits.length / 2;
  await heard(saver, story.commits.slice(0, half), look);
  // Another process goes on with it.
  const other = new JsonlSaver(runs(), { fsync: true, baseEvery: 5 });
  await heard(other, story.commits.slice(half), look);
});

test('5.12 JSON lines, synced: a power cut while commits are written', async () => {
  disk.latency = 3;
  const story = new Story('one').steps(60).end();
  const saver = new JsonlSaver(runs(), { fsync: true });
  await once(saver.claim(story.claim));
  const copy = `${folder.path}/copy`;
  let acknowledged = -1;
  const commits$ = new Subject<Commit>();
  const all = every(saver.save(commits$).pipe(tap((seq) => (acknowledged = seq))));
  for (const commit of story.commits) {
    commits$.next(commit);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    const least = acknowledged;
    afterPowerCut(runs(), copy);
    const state = await once(new JsonlSaver(copy).load('one'));
    expect(state?.seq).toBeGreaterThanOrEqual(least);
  }
  commits$.complete();
  await all;
});

test('5.12 JSON lines, synced: a run that another process claimed without waiting for the disk is found again', async () => {
  const synced = new JsonlSaver(runs(), { fsync: true });
  await once(synced.claim(new Story('zero').claim));
  const story = new Story('one').steps(2);
  await once(new JsonlSaver(runs()).claim(story.claim));
  await put(synced, story.commits);
  const copy = `${folder.path}/copy`;
  afterPowerCut(runs(), copy);
  expect(await once(new JsonlSaver(copy).load('one'))).toEqual(story.snapshot);
});

test('JSON lines, not synced: a power cut takes what the system had not written yet', async () => {
  const story = new Story('one').steps(3);
  const saver = new JsonlSaver(runs());
  await once(saver.claim(story.claim));
  await put(saver, story.commits);
  const copy = `${folder.path}/copy`;
  afterPowerCut(runs(), copy);
  expect(await once(new JsonlSaver(copy).load('one'))).toBeUndefined();
});

const about = /\b(claim|claimed|overtaken|go on from|gone|resumed|stale|suspended)\b/;
for (const fsync of [false, true]) {
  const makeSaver = () => {
    disk.latency = 4;
    const again = () => new JsonlSaver(runs(), { fsync });
    return { saver: again(), again };
  };
  saverContract(`JSON lines on a slow disk${fsync ? ', synced' : ''}`, makeSaver, {
    test: (sentence, law) => {
      if (about.test(sentence)) test(sentence, law, 60_000);
    },
    runs: 12,
  });
}
