/** Resumes runs that it is told to on stdin, each after a word of its own when it has loaded it, and one of its parent's. */
import { createInterface } from 'node:readline';
import { FlowError, type Saver } from 'millrace';
import { concatMap, from, map } from 'rxjs';
import { openStore, type Place } from './store.ts';
import { twoFlow } from './two-flow.ts';

const { saver, close } = openStore(JSON.parse(process.argv[2] as string) as Place);
const say = (line: string) => process.stdout.write(`${line}\n`);

let go: () => void = () => undefined;
const waiting: Saver = Object.assign(Object.create(saver) as Saver, {
  load: (runId: string) =>
    from(saver.load(runId)).pipe(
      concatMap((state) => {
        const told = new Promise<void>((resolve) => {
          go = resolve;
        });
        say('loaded');
        return from(told).pipe(map(() => state));
      }),
    ),
});

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') go();
  else {
    const flow = twoFlow(false, (path) => say(`began ${path}`));
    void flow.resume(line, { saver: waiting }).result.then(
      () => say('ended success'),
      (error: unknown) => say(`ended ${FlowError.is(error) ? error.code : String(error)}`),
    );
  }
}
await close();
