import { each, Flow, type FlowEvent, MemorySaver } from 'millrace';
import { from, type Observable, toArray } from 'rxjs';
import { expect, test } from 'vitest';

type Words = { readonly words: Observable<string> };

/** A step streams words; another one reads them, and fails as long as it is told to. */
function spoken() {
  const calls: string[] = [];
  let broken = true;
  const flow = new Flow('spoken');
  const write = flow.step(
    'write',
    function* () {
      calls.push('write');
      yield 'a ';
      yield 'b';
    },
    {},
  );
  const speak = flow.step(
    'speak',
    ({ words }: Words) => {
      calls.push('speak');
      if (broken) throw new Error('no voice');
      return words.pipe(toArray());
    },
    { words: write.chunks },
  );
  const compiled = flow
    .output({ text: write.out, said: speak.out })
    .with({ saver: new MemorySaver() });
  return { calls, compiled, repair: () => (broken = false) };
}

test('4.4 a param that is a stream is told as such: events and state stay data', async () => {
  const { compiled, repair } = spoken();
  repair();
  const run = compiled.start({});
  const events: FlowEvent[] = [];
  run.events$.subscribe((event) => events.push(event));
  expect(await run.result).toEqual({ text: 'a b', said: ['a ', 'b'] });
  const started = events.find(({ type, path }) => type === 'STEP_START' && path === 'speak');
  expect(started).toMatchObject({ input: { words: '(stream)' } });
  expect(run.getSnapshot().steps['speak']).toMatchObject({ input: { words: '(stream)' } });
  expect(JSON.parse(JSON.stringify(run.getSnapshot()))).toEqual(run.getSnapshot());
});

test('5.9 a reader that runs again gets the result of a finished step in place of its chunks', async () => {
  const { calls, compiled, repair } = spoken();
  const run = compiled.start({});
  await run.result.catch(() => undefined);
  repair();
  expect(await compiled.resume(run.id).result).toEqual({ text: 'a b', said: ['a b'] });
  expect(calls).toEqual(['speak', 'write', 'speak']);
});

test('5.9 the items of a finished each() come one by one again', async () => {
  let broken = true;
  const flow = new Flow<{ list: number[] }>('items');
  const all = flow.step(
    'all',
    each((n: number) => n * 2),
    { items: flow.input.list },
  );
  const read = flow.step(
    'read',
    ({ chunks }: { chunks: Observable<number> }) => {
      if (broken) throw new Error('no');
      return chunks.pipe(toArray());
    },
    { chunks: all.chunks },
  );
  const compiled = flow.output({ read: read.out }).with({ saver: new MemorySaver() });
  const run = compiled.start({ list: [1, 2, 3] });
  await run.result.catch(() => undefined);
  broken = false;
  expect(await compiled.resume(run.id).result).toEqual({ read: [2, 4, 6] });
});

test('5.9 a flow that was given a stream begins again, and its finished steps do not', async () => {
  const calls: string[] = [];
  let broken = true;
  const inner = new Flow<{ words: Observable<string> }>('inner');
  const gather = inner.step(
    'gather',
    ({ words }: Words) => {
      calls.push('gather');
      return words.pipe(toArray());
    },
    { words: inner.input.words as never },
  );
  const check = inner.step(
    'check',
    ({ all }: { all: string[] }) => {
      calls.push('check');
      if (broken) throw new Error('no');
      return all.length;
    },
    { all: gather.out },
  );
  const counting = inner.output({ count: check.out });
  const flow = new Flow('outer');
  const write = flow.step('write', () => from(['x', 'y']), {});
  const counted = flow.step('counted', counting, { words: write.chunks as never });
  const compiled = flow.output({ count: counted.out.count }).with({ saver: new MemorySaver() });
  const run = compiled.start({});
  await run.result.catch(() => undefined);
  broken = false;
  expect(await compiled.resume(run.id).result).toEqual({ count: 2 });
  expect(calls).toEqual(['gather', 'check', 'check']);
});
