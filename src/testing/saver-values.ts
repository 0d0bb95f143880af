/** Laws of values: what comes back as it was, and what is refused with the place where it stands. */
import { FlowError } from '../index.ts';
import { every, once, put, type Say, Story, type Subject, same, told } from './saver-story.ts';

class Money {
  readonly amount = 5;
}

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

const inherited = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as unknown;

const nested = (depth: number): unknown => (depth === 0 ? 'deep' : { inside: nested(depth - 1) });

/** What JSON carries, or nearly: it must come back. */
const carried: Readonly<Record<string, unknown>> = {
  'plain data': { text: 'x', number: -1.5e-7, list: [1, [2, []], {}], none: null, yes: true },
  'text of any kind': ['', 'äöü 漢字 🎉', '\u0000\u001f"\\\u2028', '\ud800 half', '~', '"~"'],
  'keys of any kind': { '': 1, '~': 2, '~~': 3, $type: 4, 'a.b': 5, 'ключ 🎉': 6, '0': 7 },
  'keys that look like an encoding': { '~': ['Date', 0], '~~': { '~': 'undefined' } },
  'keys that objects inherit': inherited,
  'a hundred levels': nested(100),
  'a megabyte of text': 'ä'.repeat(500_000),
  'a megabyte of small things': Array.from({ length: 20_000 }, (_, id) => ({ id, name: `n${id}` })),
};

/** What JSON does not carry: it comes back, or is refused. */
const foreign: Readonly<Record<string, unknown>> = {
  'a date': new Date(1_700_000_000_123),
  'no date': new Date(Number.NaN),
  'a bigint': 12345678901234567890n,
  NaN: Number.NaN,
  Infinity: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'minus zero': -0,
  'undefined in a list': [undefined, 1, undefined],
  'a Map': new Map<unknown, unknown>([
    ['a', new Map([[1, new Date(1)]])],
    [{ key: true }, 2],
  ]),
  'a Set': new Set<unknown>(['a', 1n, new Set()]),
  bytes: new Uint8Array([0, 1, 255]).subarray(1),
  numbers: new Float64Array([1.5, Number.NaN]),
  'a regular expression': /a+\/b/giu,
  'a URL': new URL('https://example.com/a?b=c#d'),
  'an instance of a class': new Money(),
  'a function': () => 1,
  'a symbol': Symbol('s'),
  'a cycle': cycle,
  'an error': new TypeError('broken'),
  'a promise': Promise.resolve(1),
};

export function valueLaws(say: Say): void {
  for (const [name, value] of Object.entries(carried)) {
    say(`${name} comes back`, async (given) => {
      const outcome = await stored(given, value);
      if (outcome instanceof FlowError) throw outcome;
    });
  }

  for (const [name, value] of Object.entries(foreign)) {
    say(`${name} comes back, or is refused with its place`, async (given) => {
      const outcome = await stored(given, value);
      if (!(outcome instanceof FlowError)) return;
      same(outcome.code, 'not-serialisable', 'the code of the error');
      const place = outcome.issues?.[0]?.path ?? '';
      same(
        place.startsWith('steps.page.output.parts.0.value'),
        true,
        `that "${place}" is the place`,
      );
      same(outcome.message.includes(place), true, 'that the message names it');
    });
  }

  say('a value that is refused stops its run there, and harms no other', async ({ saver }) => {
    const story = new Story('one')
      .step('a', 1)
      .step('b', () => 1)
      .step('c', 2);
    await once(saver.claim(story.claim));
    const refused = await put(saver, story.commits).then(
      () => false,
      () => true,
    );
    const at = refused ? story.commits[3] : story.commits.at(-1);
    same((await once(saver.load('one')))?.seq, at?.seq, 'the last stored seq');
    const other = await told(saver, new Story('two').steps(2));
    same(await once(saver.load('two')), other.snapshot, 'the state of another run');
  });

  say('names of any kind are kept apart', async ({ saver, again }) => {
    const ids = ['a', 'A', '.', '..', '../up', 'a/b', 'a\\b', 'con', 'a b', 'ä', 'a\u0308', '🎉'];
    ids.push('%2e', "'; drop table runs; --", '__proto__', 'x'.repeat(128), '漢'.repeat(128));
    for (const [t, id] of ids.entries()) {
      const flow = { id: `flow of ${id}`, hash: 'h' };
      const story = new Story(id, { t, flow, parentId: `parent of ${id}` });
      await told(saver, story.step(id, id).end(id));
    }
    const other = await again();
    for (const id of ids) {
      const state = await once(other.load(id));
      same([state?.runId, state?.output], [id, id], `the run ${id}`);
      same(Object.keys(state?.steps ?? {}), [id], `the steps of ${id}`);
      same((await every(other.history(id))).length, 4, `the commits of ${id}`);
      same((await once(other.last({ flowId: `flow of ${id}` })))?.runId, id, `the flow of ${id}`);
      const children = await once(other.list({ parentId: `parent of ${id}` }));
      same(children?.length, 1, `the children of the parent of ${id}`);
    }
    same((await once(other.list({})))?.length, ids.length, 'the number of runs');
  });
}

/** Stores a value in the result of a step. It must come back by every way, or be refused: then the error is the answer. */
async function stored({ saver, again }: Subject, value: unknown): Promise<unknown> {
  const output = { parts: [{ value }] };
  const story = new Story('one').step('page', output).end();
  await once(saver.claim(story.claim));
  const error: unknown = await put(saver, story.commits).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined) {
    if (error instanceof FlowError) return error;
    throw error;
  }
  const state = await once((await again()).load('one'));
  same(state?.steps['page']?.output, output, 'the loaded value');
  const history = await every(saver.history('one'));
  same(history.at(-1)?.snapshot.steps['page']?.output, output, 'the value in the history');
  return undefined;
}
