/** Stored JSON in which something is not as `toJSON()` left it: it is refused, or it is another flow, and never half of one. */
import fc from 'fast-check';
import {
  and,
  exists,
  Flow,
  FlowError,
  type FlowJson,
  gt,
  not,
  orElse,
  required,
  text,
} from 'millrace';
import { expect, test } from 'vitest';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const echo = (params: Readonly<Record<string, unknown>>) => params;
const steps = { page: echo, mail: echo, gist: echo, word: echo };

function stored(): Json {
  const inner = new Flow<{ word: string }>('inner');
  const word = inner.step('word', echo, { x: text`<${inner.input.word}>` }, { join: 'all' });
  const made = inner.output({ said: word.out['x'] });
  const flow = new Flow<{ url: string; n: number }>('all', { metadata: { tags: ['a'] } });
  const { url, n } = flow.input;
  const page = flow.step(
    'page',
    echo,
    { url, depth: orElse(n, 7) },
    {
      when: and(exists(url), not(gt(n, 5))),
      retry: { count: 1, delay: 5, backoff: 'exponential', jitter: 0 },
      timeout: { attempt: 1000, idle: 500 },
      cache: { ttl: 1000, max: 5 },
      policy: 'concat',
      maxPending: 3,
      metadata: { note: 'p' },
    },
  );
  const mail = flow.step(
    'mail',
    echo,
    {
      literal: { a: [1, null, 'x'] },
      list: [page.out['title'], { deep: page.out['n'] }],
      needed: required(page.out),
      'odd name': n,
    },
    { fallback: { safe: true } },
  );
  const gist = flow.step('gist', made, { word: text`${page.out['title']} of ${n}` });
  flow.link(page, mail, { on: 'settled', description: 'after', when: gt(n, 0) });
  const json = flow
    .remember('kept', mail.out)
    .output({ mail: mail.out, said: gist.out.said, lit: [1, n] });
  return JSON.parse(JSON.stringify(json)) as Json;
}

const base = stored();

/** The places of all values in it, by the names that lead there. */
const placesIn = (json: Json, path: readonly string[] = []): (readonly string[])[] =>
  typeof json !== 'object' || json === null
    ? []
    : Object.entries(json).flatMap(([name, part]) => [
        [...path, name],
        ...placesIn(part, [...path, name]),
      ]);

const values: readonly Json[] = [
  ...[
    null,
    5,
    -1,
    0.5,
    'x',
    '',
    'page.return',
    'a b',
    '__proto__',
    true,
    false,
    [],
    {},
    ['a'],
    [[]],
  ],
  ...[
    { key: 'url' },
    { value: 1 },
    { op: 'exists', left: { key: 'url' } },
    { text: ['a', 5] },
    { array: [5] },
    { object: { a: 5 } },
  ],
];
const names = [
  'x',
  'when',
  'key',
  'value',
  'retry',
  '__proto__',
  'toString',
  'default',
  'steps',
  'op',
  '',
  'then',
  'required',
  'autolink',
  'flow',
];

const edit = fc.record({
  place: fc.constantFrom(...placesIn(base)),
  kind: fc.constantFrom('delete', 'replace', 'rename', 'add'),
  value: fc.constantFrom(...values),
  name: fc.constantFrom(...names),
  isNear: fc.boolean(),
});

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const put = (object: object, name: string, value: unknown) =>
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });

function edited({ place, kind, value, name, isNear }: Edit): Json {
  const json = structuredClone(base);
  const last = place.at(-1) as string;
  const around = place
    .slice(0, -1)
    .reduce<Json>((at, part) => (at as Record<string, Json>)[part] as Json, json) as Record<
    string,
    Json
  >;
  const before = around[last] as Json;
  if (kind === 'replace') put(around, last, structuredClone(value));
  else if (Array.isArray(around))
    kind === 'add' ? around.push(structuredClone(value)) : around.splice(Number(last), 1);
  else if (kind === 'add') put(around, name, structuredClone(value));
  else {
    delete around[last];
    if (kind === 'rename') put(around, isNear ? `${last}x` : name, before);
  }
  return json;
}

/** What may be left out says nothing; conditions are compared by what they say. */
const meaning = (json: Json): unknown =>
  JSON.parse(
    JSON.stringify(json, (name, part: Json) => {
      if (
        name === 'when' ||
        (name === 'autolink' && part === true) ||
        (name === 'required' && part === false)
      )
        return undefined;
      if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
      return 'v' in part ? { links: [], data: {}, outputs: {}, ...part } : part;
    }),
  );

test('1.11 an edit of stored JSON is refused with a FlowError, or says what the flow then says', () => {
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(edit, (each) => {
      const json = edited(each);
      let flow: ReturnType<typeof Flow.fromJSON>;
      try {
        flow = Flow.fromJSON(json as unknown as FlowJson, { steps });
      } catch (error) {
        if (!FlowError.is(error)) throw error;
        refused++;
        return;
      }
      taken++;
      const again = JSON.parse(JSON.stringify(flow)) as Json;
      expect(meaning(again)).toEqual(meaning(json));
      expect(Flow.fromJSON(again as unknown as FlowJson, { steps }).hash).toBe(flow.hash);
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(refused, taken)).toBeGreaterThan(300);
});
