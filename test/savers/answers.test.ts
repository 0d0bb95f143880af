import { firstValueFrom, from } from 'rxjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnswerEnd, AnswerTask } from './answer-child.ts';
import { bundled, startChild } from './child.ts';
import { type Folder, newFolder } from './folder.ts';
import { openStore, type Place } from './store.ts';

let folder: Folder;
let script: string;
beforeAll(async () => {
  folder = newFolder();
  script = await bundled('answer-child', folder.path);
});
afterAll(() => folder?.remove());

async function inAProcess(task: AnswerTask): Promise<AnswerEnd> {
  const child = startChild(script, task);
  expect(await child.ended, child.written.err).toBe(0);
  return JSON.parse(child.written.out) as AnswerEnd;
}

interface Case {
  readonly orders: readonly string[];
  readonly makePlace: () => Place;
}

const stores: Readonly<Record<string, Case>> = {
  SQLite: {
    orders: ['abc', 'cab', 'bca'],
    makePlace: () => ({ kind: 'sqlite', path: `${folder.path}/runs.db` }),
  },
  'JSON lines': {
    orders: ['bac'],
    makePlace: () => ({ kind: 'jsonl', path: `${folder.path}/runs` }),
  },
};

for (const [name, { orders, makePlace }] of Object.entries(stores)) {
  test.each(orders.map((order) => order.split('')))(
    `5.11 ${name}: three questions that one process asked are answered by one process each, in the order %s, %s, %s`,
    async (...order) => {
      const place = makePlace();
      const id = order.join('');
      const of = (path: string) => ({ a: 1, b: 2, c: 3 })[path];
      const answer = (path: string, n: unknown = of(path)) =>
        inAProcess({ place, id, answers: { [path]: { n } } });
      expect(await inAProcess({ place, id })).toEqual(['suspended', 'a', 'b', 'c']);
      const open = ['a', 'b', 'c'];
      for (const path of order) {
        // Refused, and asked still.
        expect(await answer(path, 'one')).toEqual(['invalid-answer', 'n']);
        open.splice(open.indexOf(path), 1);
        const end = open.length > 0 ? ['suspended', ...open] : { output: { sum: '1 2 3' } };
        expect(await answer(path)).toEqual(end);
        // What has been answered stays as it was.
        const [code] = (await answer(path, 9)) as readonly string[];
        expect(code).toBe(open.length > 0 ? 'invalid-answer' : 'invalid-option');
      }
      const { saver, close } = openStore(place);
      const state = await firstValueFrom(from(saver.load(id)));
      expect(state).toMatchObject({ status: 'success', steps: { b: { output: { n: 2 } } } });
      await close();
    },
    60_000,
  );
}
