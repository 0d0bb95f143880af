/** A model whose tokens are marbles is a chat model, and says what its script says when it says it. */
import { Flow } from 'millrace';
import { assemble, type ChatCall, type ChatModel, message } from 'millrace/llm';
import { scriptedModel, traceFlow, virtual } from 'millrace/testing';
import { lastValueFrom, type Observable, tap, toArray } from 'rxjs';
import { expect, test, vi } from 'vitest';
import 'millrace/testing/vitest';

const call: ChatCall = { messages: [message('user', 'What do mills do?')] };

/** What it says, and when. */
const heard = (model: ChatModel) =>
  virtual(async (time) => {
    const times: number[] = [];
    const chunks = await lastValueFrom(
      model(call).pipe(
        tap(() => times.push(time.now)),
        toArray(),
      ),
    );
    return { times, chunks };
  });

test('a scripted model is a chat model, and its tokens come at the times of its marbles', async () => {
  const model = scriptedModel<ChatCall>([
    {
      marbles: '200ms a--b|',
      values: { a: 'Mills ', b: 'grind.' },
      usage: { input: 7, output: 2 },
    },
  ]);
  const { times, chunks } = await heard(model satisfies ChatModel);
  expect(times).toEqual([200, 203, 204]);
  expect(chunks).toEqual([
    { type: 'text', text: 'Mills ' },
    { type: 'text', text: 'grind.' },
    {
      type: 'finish',
      reason: 'stop',
      usage: { input: 7, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
    },
  ]);
  expect(model.calls).toEqual([call]);
});

test('reasoning and calls of tools are said too, and what comes of them is a whole message', async () => {
  const model = scriptedModel([
    {
      marbles: '-r-s(tu|)',
      values: {
        r: { reasoning: 'I must look.' },
        s: 'Wait. ',
        t: { tool: 'search', input: { q: 'mills' } },
        u: { tool: 'search', input: '{ broken', id: 'mine' },
      },
    },
  ]);
  const chunks = (await heard(model)).chunks;
  expect(chunks.at(-1)).toMatchObject({ type: 'finish', reason: 'tool-calls' });
  expect(assemble(chunks).message.content).toEqual([
    { type: 'reasoning', text: 'I must look.' },
    { type: 'text', text: 'Wait. ' },
    { type: 'tool-call', id: 'call-1-1', name: 'search', input: { q: 'mills' } },
    { type: 'tool-call', id: 'mine', name: 'search', input: {}, invalidInput: '{ broken' },
  ]);
});

test('a model that fails fails at the time of its #, with the error that is given', async () => {
  const error = new Error('429');
  const model = scriptedModel([{ marbles: '-a--#', values: { '#': error } }, '#']);
  await virtual(async (time) => {
    await expect(lastValueFrom(model(call))).rejects.toBe(error);
    expect(time.now).toBe(4);
    await expect(lastValueFrom(model(call))).rejects.toThrow('as its script says');
    await expect(lastValueFrom(model(call))).rejects.toThrow(
      'The script of the model has 2 answers, and this is call 3. Write what it answers (invalid-option)',
    );
  });
});

test('a script may be a function of the call', async () => {
  const model = scriptedModel<ChatCall>(({ messages }, count) => ({
    marbles: '(a|)',
    values: { a: `${messages.length} ${count}` },
  }));
  expect((await heard(model)).chunks[0]).toEqual({ type: 'text', text: '1 0' });
  expect((await heard(model)).chunks[0]).toEqual({ type: 'text', text: '1 1' });
});

test('in a step its tokens are chunks, and a cancelled call says no more', async () => {
  const model = scriptedModel('-a--b---|');
  const flow = new Flow('talk');
  const talk = flow.step(
    'talk',
    () => model({}) as Observable<unknown>,
    {},
    { timeout: { attempt: 6 } },
  );
  const trace = await traceFlow(flow.output({ talk: talk.out }), {});
  const [a, b] = ['a', 'b'].map((text) => ({ type: 'text', text }));
  expect(trace).toMatchMarbles(
    `talk.on  ^-----!
     talk     -a--b-#`,
    { a, b },
  );
});

test('the tokens of a scripted model keep their order in real time, where a timer may overtake another one', async () => {
  const armed: (() => void)[] = [];
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((fire: () => void) => {
    armed.push(fire);
    return 0;
  }) as never);
  const texts: string[] = [];
  scriptedModel<ChatCall>(['abc|'])(call).subscribe((chunk) => {
    texts.push(chunk.type === 'text' ? chunk.text : chunk.type);
  });
  vi.restoreAllMocks();
  const [b, c, end] = armed;
  for (const fire of [c, b, end]) fire?.();
  expect(texts).toEqual(['a', 'b', 'c', 'finish']);
});

test('what a character cannot stand for is told with the character, and a function without an answer as such', async () => {
  const said = (values: object) =>
    lastValueFrom(scriptedModel([{ marbles: '--e|', values: values as never }])({}));
  await expect(said({ e: new Error('429') })).rejects.toThrow(
    'The script of the model says "e", which stands for',
  );
  await expect(said({ e: { text: 'hi' } })).rejects.toThrow('Give a text, { reasoning }');
  await expect(lastValueFrom(scriptedModel(() => undefined as never)({}))).rejects.toThrow(
    'The script of the model gives no answer, and this is call 1.',
  );
});
