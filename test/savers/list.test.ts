/** How many runs are listed: the same in every store. */
import { MemorySaver, type Saver } from 'millrace';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { sqlite } from 'millrace/savers/sqlite';
import { expect, test } from 'vitest';
import { once, Story, told } from '../../src/testing/saver-story.ts';
import { newFolder } from './folder.ts';

test('a limit is a whole number or Infinity, and is refused where it is none', async () => {
  const folder = newFolder();
  const database = sqlite(':memory:');
  const savers: readonly Saver[] = [new MemorySaver(), database, new JsonlSaver(folder.path)];
  for (const saver of savers) {
    for (let run = 0; run < 3; run++) await told(saver, new Story(`run-${run}`));
    for (const [limit, count] of [
      [0, 0],
      [2, 2],
      [Infinity, 3],
      [undefined, 3],
    ] as const)
      expect(await once(saver.list(limit === undefined ? {} : { limit }))).toHaveLength(count);
    for (const limit of [-1, 1.5, Number.NaN, '2' as never])
      await expect(once(saver.list({ limit }))).rejects.toThrow(/limit of a list of runs is/);
  }
  await database.close();
  folder.remove();
});
