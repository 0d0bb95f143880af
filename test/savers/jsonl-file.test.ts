import {
  appendFileSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { concatMap, from } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { every, once, put, Story, told } from '../../src/testing/saver-story.ts';
import { type Folder, newFolder } from './folder.ts';

let folder: Folder;
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => folder.remove());

const fileOf = (runId: string): string => join(folder.path, `${runId}.jsonl`);

test('a run is a file of JSON lines', async () => {
  await told(new JsonlSaver(folder.path), new Story('one').step('a', { text: 'ü' }).end());
  const lines = readFileSync(fileOf('one'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { runId: 'one', flowId: 'story', t: 1000 },
    {
      prev: -1,
      seq: 3,
      status: 'success',
      commits: [{ seq: 0 }, { seq: 1 }, { seq: 2 }, { seq: 3 }],
    },
  ]);
});

test('5.12 a line that is torn at any byte does not count, and the run goes on behind it', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = await told(saver, new Story('one').steps(2));
  const whole = readFileSync(fileOf('one')).length;
  const next = story.branch().steps(1);
  await put(saver, next.commits);
  const end = readFileSync(fileOf('one')).length;
  for (let size = whole + 1; size < end - 1; size++) {
    truncateSync(fileOf('one'), size);
    expect(await once(new JsonlSaver(folder.path).load('one'))).toMatchObject({
      seq: story.snapshot.seq,
    });
    await put(saver, next.commits);
    expect(await once(saver.load('one'))).toEqual(next.snapshot);
    expect((await every(saver.history('one'))).length).toBe(
      story.commits.length + next.commits.length,
    );
    // The next round begins with the file as it was.
    const now = readFileSync(fileOf('one'));
    writeFileSync(fileOf('one'), now.subarray(0, whole));
    await put(saver, next.commits);
  }
});

test('a line without only its line end counts', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = await told(saver, new Story('one').steps(2));
  truncateSync(fileOf('one'), readFileSync(fileOf('one')).length - 1);
  expect(await once(saver.load('one'))).toEqual(story.snapshot);
  const next = story.branch().steps(1);
  await put(saver, next.commits);
  expect(await once(saver.load('one'))).toEqual(next.snapshot);
});

test('a line that stands where its writer did not expect it never counts', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = await told(saver, new Story('one').steps(1));
  const before = readFileSync(fileOf('one'));
  const [left, right] = ['left', 'right'].map((side) => story.branch().steps(1, () => side));
  await put(saver, right!.commits);
  const line = readFileSync(fileOf('one')).subarray(before.length);
  writeFileSync(fileOf('one'), before);
  await put(saver, left!.commits);
  appendFileSync(fileOf('one'), line);
  expect(await once(saver.load('one'))).toEqual(left!.snapshot);
  const next = left!.branch().steps(1);
  await put(saver, next.commits);
  expect(await once(saver.load('one'))).toEqual(next.snapshot);
});

test('a writer goes on behind what others wrote in vain', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = new Story('one').steps(3);
  await once(saver.claim(story.claim));
  let count = 0;
  // While the file is open: half a line, and a whole one from somewhere else.
  const disturbed$ = from(story.commits).pipe(
    concatMap(async (commit) => {
      const junk = count++ % 2 ? '{"at":5,"commits":[' : '{"at":1,"seq":99,"commits":[]}\n';
      appendFileSync(fileOf('one'), junk);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return commit;
    }),
  );
  const acknowledged = await every(saver.save(disturbed$));
  expect(acknowledged.at(-1)).toBe(story.commits.at(-1)?.seq);
  expect(await once(saver.load('one'))).toEqual(story.snapshot);
});

test('a file that lacks something in the middle is refused, not read past it', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = await told(saver, new Story('one').steps(1));
  const next = story.branch().steps(1);
  await put(saver, next.commits);
  const lines = readFileSync(fileOf('one'), 'utf8').split('\n');
  lines[1] = ' '.repeat(lines[1]!.length);
  writeFileSync(fileOf('one'), lines.join('\n'));
  await expect(once(saver.load('one'))).rejects.toMatchObject({ code: 'saver-failed' });
  await expect(every(saver.history('one'))).rejects.toThrow(/is damaged: at byte \d+/);
});

test('a file that another program has changed is refused, not taken for a shorter one', async () => {
  const saver = new JsonlSaver(folder.path);
  let story = await told(saver, new Story('one').steps(2));
  for (let round = 0; round < 3; round++) {
    story = story.branch().steps(1);
    await put(saver, story.commits);
  }
  const text = readFileSync(fileOf('one'), 'utf8');
  const [head = '', first = '', ...others] = text.trimEnd().split('\n');
  const file = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;
  const changed = {
    'a line twice': file(head, first, first, ...others),
    'other line ends': text.replaceAll('\n', '\r\n'),
    'no first line': file(first, ...others),
    'a torn first line': file(head.slice(0, 20), first, ...others),
    'zeros for a first line': file('\0'.repeat(head.length), first, ...others),
    'a mark before all': `\ufeff${text}`,
    'what a newer version keeps': text.replace('"output":0', '"output":{"~":["Newer"]}'),
  };
  const refusal = async (asked: Promise<unknown>): Promise<string> =>
    await asked.then(() => 'taken', String);
  for (const [how, bytes] of Object.entries(changed)) {
    writeFileSync(fileOf('one'), bytes);
    for (const ask of [() => once(saver.load('one')), () => every(saver.history('one'))])
      expect(`${how}: ${await refusal(ask())}`).toContain(`The file "${fileOf('one')}"`);
  }
  // What comes behind the last line does no harm, whatever it is.
  for (const behind of [`${others.at(-1)}\n`, '\0'.repeat(300)]) {
    writeFileSync(fileOf('one'), text + behind);
    expect(await once(saver.load('one'))).toEqual(story.snapshot);
    expect((await every(saver.history('one'))).at(-1)?.snapshot).toEqual(story.snapshot);
  }
});

test('a claim that finds the disk full leaves nothing behind', async () => {
  const fs = await import('node:fs/promises');
  const disk = vi.spyOn(fs.default, 'writeFile');
  disk.mockImplementationOnce(async (path) => {
    writeFileSync(String(path), 'half');
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  });
  syncBuiltinESMExports();
  const { claim } = new Story('one');
  await expect(once(new JsonlSaver(folder.path).claim(claim))).rejects.toThrow(/ENOSPC/);
  disk.mockRestore();
  syncBuiltinESMExports();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('a file that becomes shorter under its writer is an error that names it', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = new Story('one').steps(2);
  await once(saver.claim(story.claim));
  const commits$ = from(story.commits).pipe(
    concatMap(async (commit) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (commit === story.commits.at(-1)) truncateSync(fileOf('one'), 30);
      return commit;
    }),
  );
  await expect(every(saver.save(commits$))).rejects.toThrow(
    `The file "${fileOf('one')}" is damaged: it has become shorter`,
  );
});

test('a long run is loaded from its last whole state', async () => {
  const saver = new JsonlSaver(folder.path, { baseEvery: 10 });
  const story = await told(saver, new Story('one'));
  let last = story;
  for (let round = 0; round < 30; round++) {
    last = last.branch().steps(5, () => round);
    await put(saver, last.commits);
  }
  const lines = readFileSync(fileOf('one'), 'utf8').split('\n');
  const bases = lines.flatMap((line, index) => (line.includes('"base":"') ? [index] : []));
  expect(bases.length).toBeGreaterThan(2);
  // What stands before it is not looked at.
  for (let index = 1; index < bases.at(-1)!; index++)
    lines[index] = ' '.repeat(Buffer.byteLength(lines[index]!));
  writeFileSync(fileOf('one'), lines.join('\n'));
  expect(await once(saver.load('one'))).toEqual(last.snapshot);
});

test('a run that goes on after prune has chosen it, and before it is deleted, stays', async () => {
  const saver = new JsonlSaver(folder.path);
  const story = await told(saver, new Story('one').end());
  await told(saver, new Story('two').end());
  const more = story.branch().tell({ type: 'FLOW_START', flow: 'story', input: {} });
  // Where all runs are looked at, the choice is about to be made.
  const slow = new JsonlSaver(folder.path);
  const { newest } = slow as unknown as { newest(query: object): Promise<unknown> };
  Object.assign(slow, {
    newest: async (query: object) => {
      const runs = await newest.call(slow, query);
      await put(saver, more.commits);
      return runs;
    },
  });
  expect(await once(slow.prune({ olderThan: 10_000 }))).toBe(1);
  expect(await once(saver.load('one'))).toEqual(more.snapshot);
  expect((await once(saver.list({})))?.map(({ runId }) => runId)).toEqual(['one']);
});

test('a claim that was cut short leaves no run, and is swept away later', async () => {
  const saver = new JsonlSaver(folder.path);
  const draft = join(folder.path, 'one.jsonl.abc.tmp');
  writeFileSync(draft, '{"runId":"one"');
  expect(await once(saver.list({}))).toEqual([]);
  await told(saver, new Story('one'));
  utimesSync(draft, 0, 0);
  await once(saver.prune({ keepLast: 5 }));
  expect(readdirSync(folder.path)).toEqual(['one.jsonl']);
});
