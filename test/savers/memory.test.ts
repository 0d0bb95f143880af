import { type Commit, MemorySaver } from 'millrace';
import { saverContract } from 'millrace/testing';
import { concatMap, delay, type Observable, of } from 'rxjs';
import { test } from 'vitest';

saverContract('memory', () => ({ saver: new MemorySaver() }), { test });

/** Takes longer for each commit than the steps of a run take for their work, as a disk under load does. */
class SlowSaver extends MemorySaver {
  override save(commits$: Observable<Commit>): Observable<number> {
    return super.save(commits$.pipe(concatMap((commit) => of(commit).pipe(delay(40)))));
  }
}

saverContract('slow memory', () => ({ saver: new SlowSaver() }), {
  // The laws that wait for runs: how long anything takes must not matter to them.
  test: (sentence, law) => {
    if (/\b(process is gone|is resumed while|suspended run)\b/.test(sentence)) test(sentence, law);
  },
  runs: 6,
});
