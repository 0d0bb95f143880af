import { Flow, MemorySaver } from 'millrace';
import { expect, test } from 'vitest';
import { z } from 'zod';

const conversation = () => {
  const flow = new Flow<{ say: string }>('chat');
  const history = flow.memory<string[]>('history', []);
  const reply = flow.step(
    'reply',
    ({ say, history }: { say: string; history: string[] }) => {
      if (say === 'fail') throw new Error('no');
      return [...history, say];
    },
    { say: flow.input.say, history },
  );
  flow.remember('history', reply.out);
  return flow.output({ all: reply.out }).with({ saver: new MemorySaver() });
};

test('5.8 a conversation continued from three different ancestors sees three different memories', async () => {
  const chat = conversation();
  const one = await chat.complete({ say: 'one' });
  const two = await chat.complete({ say: 'two' }, { parentId: one.runId });
  const three = await chat.complete({ say: 'three' }, { parentId: two.runId });
  const from = async (parentId: string) =>
    (await chat.complete({ say: 'next' }, { parentId })).output.all;
  expect(await from(one.runId)).toEqual(['one', 'next']);
  expect(await from(two.runId)).toEqual(['one', 'two', 'next']);
  expect(await from(three.runId)).toEqual(['one', 'two', 'three', 'next']);
  expect(three.snapshot.data).toEqual({ history: ['one', 'two', 'three'] });
});

test('5.8 a run without a parent starts with the initial memory', async () => {
  const chat = conversation();
  await chat.complete({ say: 'one' });
  expect((await chat.complete({ say: 'two' })).output.all).toEqual(['two']);
});

test('5.8 a run that failed leaves the memory as it was', async () => {
  const chat = conversation();
  const one = await chat.complete({ say: 'one' });
  const failed = chat.start({ say: 'fail' }, { parentId: one.runId });
  await failed.result.catch(() => undefined);
  expect(failed.getSnapshot().data).toEqual({ history: ['one'] });
  const next = await chat.complete({ say: 'two' }, { parentId: failed.id });
  expect(next.output.all).toEqual(['one', 'two']);
});

test('5.8 an unknown parent, and a parent without a saver, are errors that say what to do', async () => {
  const chat = conversation();
  await expect(chat.complete({ say: 'x' }, { parentId: 'nope' })).rejects.toMatchObject({
    code: 'run-not-found',
  });
  const unsaved = new Flow<{ n: number }>('unsaved');
  const n = unsaved.step('n', ({ n }: { n: number }) => n, { n: unsaved.input.n });
  await expect(unsaved.output({ n: n.out }).complete({ n: 1 }, { parentId: 'p' })).rejects.toThrow(
    'To continue a run of "unsaved" needs the saver that keeps it. Give the option "saver", or flow.with({ saver })',
  );
});

test('5.8 the parent is told in the state and in the list', async () => {
  const chat = conversation();
  const one = await chat.complete({ say: 'one' });
  const two = await chat.complete({ say: 'two' }, { parentId: one.runId });
  expect(two.snapshot.parentId).toBe(one.runId);
});

test('5.8 a flow may read what another one has remembered, and leaves it as it was', async () => {
  const saver = new MemorySaver();
  const writer = new Flow<{ n: number }>('writer');
  writer.remember('count', writer.step('count', ({ n }) => n, { n: writer.input.n }).out);
  const { runId } = await writer.output({}).complete({ n: 2 }, { saver });

  const reader = new Flow<{ by: number }>('reader', { input: z.object({ by: z.number() }) });
  const times = ({ count, by }: { count: number; by: number }) => count * by;
  const params = { count: reader.memory('count', 0), by: reader.input.by };
  const flow = reader.output({ all: reader.step('all', times, params).out });
  const again = Flow.fromJSON(JSON.parse(JSON.stringify(flow)), {
    steps: { all: times },
    input: z.object({ by: z.number() }),
  });
  for (const each of [flow, again as typeof flow]) {
    expect((await each.complete({ by: 3 })).output).toEqual({ all: 0 });
    const { output, snapshot } = await each.complete({ by: 3 }, { saver, parentId: runId });
    expect([output, snapshot.data]).toEqual([{ all: 6 }, { count: 2 }]);
  }
});

test('5.8 what is only read from the memory is no input', async () => {
  const flow = new Flow('reader');
  const count = flow.memory('count', 0);
  await expect(flow.output({ count }).complete({ count: 1 })).rejects.toThrow(
    'count: is no input of the flow',
  );
});

test('5.8, 1.6 memory may have any name, that of a prototype, too', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'a.b', '$input', '']) {
    const flow = new Flow<{ say: string }>('chat');
    const history = flow.memory<string[]>(name, []);
    const reply = flow.step(
      'reply',
      ({ say, history }: { say: string; history: string[] }) => [...history, say],
      { say: flow.input.say, history },
    );
    flow.remember(name, reply.out);
    const chat = flow.output({ all: reply.out }).with({ saver: new MemorySaver() });
    const one = await chat.complete({ say: 'a' });
    const two = await chat.complete({ say: 'b' }, { parentId: one.runId });
    expect([name, two.output.all]).toEqual([name, ['a', 'b']]);
    expect(Object.entries(two.snapshot.data)).toEqual([[name, ['a', 'b']]]);
    expect(Object.getPrototypeOf(two.snapshot.data)).toBe(Object.prototype);
  }
});
