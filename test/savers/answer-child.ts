/** A process that asks three questions, or one that answers some of them: it says how its part of the run ended. */
import { Flow, FlowError, question, type Ref } from 'millrace';
import { z } from 'zod';
import { openStore, type Place } from './store.ts';

export interface AnswerTask {
  readonly place: Place;
  readonly id: string;
  /** What to answer. Without it the run is started. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/** `output`, or the code of an error and the paths that it names. */
export type AnswerEnd = { readonly output: unknown } | readonly [code: string, ...paths: string[]];

const task = JSON.parse(process.argv[2] as string) as AnswerTask;
const { saver, close } = openStore(task.place);
const flow = new Flow<{ text: string }>('three');
const ask = question({ answer: z.object({ n: z.number() }) });
const answered = ['a', 'b', 'c'].map((id) => flow.step(id, ask, { text: flow.input.text }).out.n);
const sum = flow.step(
  'sum',
  (given: Readonly<Record<string, number>>) => Object.values(given).join(' '),
  { a: answered[0], b: answered[1], c: answered[2] } as Record<string, Ref<number>>,
);
const three = flow.output({ sum: sum.out }).with({ saver });

const run = task.answers
  ? three.resume(task.id, { answers: task.answers })
  : three.start({ text: '?' }, { id: task.id });
const end: AnswerEnd = await run.result.then(
  (output) => ({ output }),
  (error: unknown) =>
    FlowError.is(error)
      ? ([error.code, ...(error.issues ?? []).map(({ path }) => path)] as const)
      : [String(error)],
);
process.stdout.write(`${JSON.stringify(end)}\n`);
await close();
