import fc from 'fast-check';
import { Flow, type Policy, text } from 'millrace';
import { type ChatModel, llm, messageText } from 'millrace/llm';
import { concatMap, from, of, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { patience, runs } from '../laws/runs.ts';

const names = ['x', 'y', 'z'] as const;
const input = z.object({ x: z.number(), y: z.number(), z: z.number() });
type Input = z.infer<typeof input>;

/** Says what it has heard, after so many ms. Without any it answers at once. */
const echo =
  (ms: number): ChatModel =>
  ({ messages }) => {
    const said = `<${messages.map(messageText).join('|')}>`;
    const chunks = [
      { type: 'text', text: said },
      { type: 'finish', reason: 'stop', usage: {} },
    ];
    const told = ms === 0 ? from(chunks) : timer(ms).pipe(concatMap(() => chunks));
    return told as ReturnType<ChatModel>;
  };

interface Talker {
  /** What it is asked: an input, always the same, or what a step before it has said. */
  readonly asks: 'x' | 'y' | 'z' | 'same';
  readonly after: number;
  readonly ms: number;
  readonly memory: boolean;
  readonly policy: Policy | undefined;
  /** What it says is always the same. */
  readonly isDull: boolean;
}
const talker: fc.Arbitrary<Talker> = fc.record({
  asks: fc.constantFrom('x', 'y', 'z', 'same'),
  after: fc.nat(3),
  ms: fc.constantFrom(0, 0, 1, 3),
  memory: fc.constantFrom(true, true, false),
  policy: fc.constantFrom<Policy | undefined>(undefined, 'concat', 'merge', 'conflate'),
  isDull: fc.boolean(),
});

function flowOf(talkers: readonly Talker[]) {
  const flow = new Flow('talk', { input });
  const said: { id: string }[] = [];
  const outputs: Record<string, unknown> = {};
  for (const [i, { asks, after, ms, memory, policy, isDull }] of talkers.entries()) {
    const code = llm({
      model: isDull ? () => echo(ms)({ messages: [] } as never) : echo(ms),
      ...(memory && { memory: 'chat' }),
    });
    const prompt = asks === 'same' ? 'and then?' : text`${asks} is ${flow.input[asks]}`;
    const before = said[said.length - 1 - after];
    const step = flow.step(`s${i}`, code, { prompt } as never, {
      ...(policy && { policy }),
      ...(before && { after: [before as never], join: 'settled' as const }),
    });
    said.push(step);
    outputs[`s${i}`] = step.out.text;
  }
  return flow.output(outputs as never);
}

test(
  '6.4, 7.2: in the end LLM steps of a live flow have heard of each other what they hear in a fresh run',
  () => {
    const change = fc.record({
      after: fc.nat(6),
      name: fc.constantFrom(...names),
      value: fc.nat(3),
    });
    fc.assert(
      fc.property(
        fc.array(talker, { minLength: 2, maxLength: 5 }),
        fc.array(change, { maxLength: 6 }),
        (talkers, changes) => {
          const flow = flowOf(talkers);
          const given: Input = { x: 1, y: 1, z: 1 };
          let last: unknown;
          let fresh: unknown;
          new TestScheduler(() => {}).run(({ flush }) => {
            const live = flow.live({ ...given } as never);
            live.output$.subscribe((output) => {
              last = output;
            });
            from(changes)
              .pipe(concatMap((each) => timer(each.after).pipe(concatMap(() => of(each)))))
              .subscribe(({ name, value }) => {
                given[name] = value;
                live.next({ [name]: value } as never);
              });
            flush();
            live.stop();
          });
          new TestScheduler(() => {}).run(({ flush }) => {
            flow.start(given as never).output$.subscribe((output) => {
              fresh = output;
            });
            flush();
          });
          expect(last).toEqual(fresh);
        },
      ),
      runs(500),
    );
  },
  patience,
);
