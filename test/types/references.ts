/** What may be passed to a step, what may not, and what its own references are. */
import {
  and,
  defineStep,
  each,
  eq,
  exists,
  Flow,
  gt,
  isIn,
  isRestart,
  type Json,
  lte,
  matches,
  not,
  orElse,
  predicate,
  type Ref,
  type Restart,
  repeat,
  required,
  type Step,
  type StepNode,
  text,
} from 'millrace';
import { type Observable, of } from 'rxjs';
import { z } from 'zod';
import { type ChunkOf, type ResultOf, same, type ValueOf } from './equal.ts';

interface Tree {
  readonly name: string;
  readonly children: readonly Tree[];
}

const flow = new Flow('flow', {
  input: z.object({
    url: z.url(),
    tone: z.enum(['plain', 'warm']).default('plain'),
    count: z.number(),
    note: z.string().optional(),
    pages: z.array(z.object({ title: z.string(), tags: z.array(z.string()) })),
    at: z.date(),
    by: z.object({ name: z.string() }).nullable(),
  }),
});
const { input } = flow;

// The parts of a reference. A part of what may be absent may be absent.
same<ValueOf<typeof input.url>, string>();
same<ValueOf<typeof input.tone>, 'plain' | 'warm'>();
same<ValueOf<typeof input.url.length>, number>();
same<ValueOf<typeof input.note>, string | undefined>();
same<ValueOf<typeof input.note.length>, number | undefined>();
same<ValueOf<(typeof input.pages)[0]>, { title: string; tags: string[] } | undefined>();
same<ValueOf<(typeof input.pages)[0]['title']>, string | undefined>();
same<ValueOf<(typeof input.pages)[0]['tags'][1]>, string | undefined>();
const { title } = input.pages[0];
same<ValueOf<typeof title>, string | undefined>();
same<ValueOf<typeof input.pages.length>, number>();
same<ValueOf<typeof input.by.name>, string | null>();
same<ValueOf<typeof input.at>, Date>();

const page = flow.step(
  'page',
  async ({ url }: { url: string }) => ({ title: url, body: url, size: { kb: 1 } }),
  { url: input.url },
);
same<ResultOf<typeof page>, { title: string; body: string; size: { kb: number } }>();
same<ValueOf<typeof page.out.size.kb>, number>();

// A misspelt path.
// @ts-expect-error
page.out.titel;
// @ts-expect-error
page.out.size.gb;
// @ts-expect-error
input.urls;
// @ts-expect-error
input.pages[0].tag;
// @ts-expect-error a part of a list that has no such item by name may be missing, says noUncheckedIndexedAccess
input.pages[99].title;

// A param of the wrong type, a missing one, one that the step does not have.
const greet = ({ name, tone }: { name: string; tone?: string }) => `${name} ${tone}`;
flow.step('greet1', greet, { name: page.out.title });
flow.step('greet2', greet, { name: 'Ada', tone: input.note });
// @ts-expect-error a number
flow.step('greet3', greet, { name: input.count });
// @ts-expect-error a number
flow.step('greet4', greet, { name: 3 });
// @ts-expect-error the name is missing
flow.step('greet5', greet, {});
// @ts-expect-error there is no param "nam"
flow.step('greet6', greet, { name: 'Ada', nam: 'Ada' });
// @ts-expect-error there is no param "tome"
flow.step('greet7', greet, { name: 'Ada', tome: 'warm' });
// @ts-expect-error the params are missing
flow.step('greet8', greet);
// @ts-expect-error a step is not its result
flow.step('greet9', greet, { name: page });
// @ts-expect-error a reference is not an object of params: `{ name: person.out.name }`
flow.step('greet10', greet, flow.step('person', () => ({ name: 'Ada' }), {}).out);

// The schema says what a step takes: its input side, not what it makes of it.
const search = defineStep({
  input: z.object({
    query: z.string(),
    limit: z.number().default(10),
    since: z.string().transform((day) => new Date(day)),
  }),
  run: ({ query, limit, since }) => ({ hits: [query], limit, since }),
});
const found = flow.step('found', search, { query: page.out.title, since: '2026-01-01' });
same<ResultOf<typeof found>, { hits: string[]; limit: number; since: Date }>();
// @ts-expect-error the schema wants a text and makes a date of it
flow.step('found2', search, { query: page.out.title, since: found.out.since });

const nodes: StepNode<unknown>[] = [page, found];
flow.link(page, 'found', { on: 'settled' }).link(page, found, { when: gt(input.count, 3) });
// @ts-expect-error no such outcome
flow.link(page, found, { on: 'fail' });
// @ts-expect-error no such option
flow.link(page, found, { onn: 'failure' });
// @ts-expect-error a reference is not a step
flow.link(page.out, found);

// A step with a condition may have no result.
const refund = flow.step('refund', () => ({ sum: 3 }), {}, { when: gt(input.count, 3) });
same<ResultOf<typeof refund>, { sum: number } | undefined>();
same<ValueOf<typeof refund.out.sum>, number | undefined>();
const pay = ({ sum }: { sum: number }) => ({ paid: sum });
// @ts-expect-error there may be no refund
flow.step('pay1', pay, { sum: refund.out.sum });
flow.step('pay2', ({ sum }: { sum: number | undefined }) => sum ?? 0, { sum: refund.out.sum });
flow.step('pay3', pay, { sum: orElse(refund.out.sum, 0) });
flow.step('pay4', pay, { sum: required(refund.out.sum) });
same<ValueOf<ReturnType<typeof orElse<string | undefined, null>>>, string | null>();
// @ts-expect-error there may be no refund, though a refund could be an empty object
flow.step('pay5', ({ refund }: { refund: { sum?: number } }) => refund, { refund: refund.out });
const maybe = Math.random() > 0.5 ? { when: gt(input.count, 3) } : {};
same<ResultOf<ReturnType<typeof conditional>>, { sum: number } | undefined>();
const conditional = () => flow.step('perhaps', () => ({ sum: 3 }), {}, maybe);
same<ResultOf<typeof unconditional>, number>();
const unconditional = flow.step('sure', () => 3, {}, { timeout: { total: 5 }, join: 'settled' });

// A fallback is a result too.
const guarded = flow.step('guarded', async () => 3, {}, { fallback: 'none' });
same<ResultOf<typeof guarded>, string | number>();
const rescued = flow.step(
  'rescued',
  ({ n }: { n: number }) => n,
  { n: 3 },
  {
    fallback: async (error, { n }) => {
      same<typeof error, unknown>();
      same<typeof n, number>();
      return n;
    },
  },
);
same<ResultOf<typeof rescued>, number>();
same<ResultOf<typeof listed>, string[]>();
const listed = flow.step('listed', () => ['a'], {}, { fallback: [] });

// Options know the params and the result of the step.
flow.step(
  'options',
  ({ url }: { url: string }) => ({ etag: url }),
  { url: input.url },
  {
    cache: { key: ({ url }) => url.toLowerCase(), ttl: 5 },
    equals: (last, next) => last.etag === next.etag,
    retry: {
      count: 3,
      backoff: 'exponential',
      when: (error, attempt) => attempt < 2 && error !== 0,
    },
    after: [page, refund, ...nodes],
  },
);
// @ts-expect-error a page has no "tag"
flow.step('options2', () => ({ etag: '' }), {}, { equals: (last, next) => last.tag === next.tag });
// @ts-expect-error no such option
flow.step('options3', () => 1, {}, { reetry: { count: 3 }, timeout: {} });
// @ts-expect-error no such option of retry
flow.step('options4', () => 1, {}, { retry: { count: 3, dely: 3 } });
// @ts-expect-error not a number
flow.step('options5', () => 1, {}, { retry: { count: '3' } });
// @ts-expect-error no such policy
flow.step('options6', () => 1, {}, { policy: 'swich' });
// @ts-expect-error a condition, not its value
flow.step('options7', () => 1, {}, { when: true });
// @ts-expect-error not a condition yet: `gt(input.count, 0)`
flow.step('options8', () => 1, {}, { when: input.count });

// Streams of chunks.
const speak = ({ text }: { text: Observable<string> }) => text;
const llm = defineStep({
  async *run({ prompt }: { prompt: string; system?: string }) {
    yield prompt;
    return { text: prompt };
  },
});
const gist = flow.step('gist', llm, { prompt: page.out.body });
same<ResultOf<typeof gist>, { text: string }>();
same<typeof gist.chunks, Ref<Observable<string>>>();
const voice = flow.step('voice', speak, { text: gist.chunks });
same<ResultOf<typeof voice>, string>();
same<ChunkOf<typeof voice>, string>();
flow.step('voice2', speak, { text: of('a', 'b') });
// @ts-expect-error a text, not a stream of them
flow.step('voice3', speak, { text: gist.out.text });
// @ts-expect-error a stream of texts, not a text
flow.step('voice4', greet, { name: gist.chunks });
// @ts-expect-error a stream is read by a step
gist.chunks.pipe;
// @ts-expect-error a number, and no stream
flow.step('voice5', speak, { text: flow.step('mute', () => 1, {}).out });
// A retry restarts the stream, and whoever reads it must know.
const again = flow.step('again', llm, { prompt: '' }, { retry: { count: 2 } });
same<ChunkOf<typeof again>, string | Restart>();
// @ts-expect-error a notice of a restart is no text
flow.step('voice6', speak, { text: again.chunks });
flow.step('voice7', ({ text }: { text: Observable<string | Restart> }) => text, {
  text: again.chunks,
});
declare const chunk: string | Restart;
if (!isRestart(chunk)) same<typeof chunk, string>();

// References inside of objects and lists.
interface Mail {
  readonly to: readonly { name: string; mail?: string }[];
  readonly body: { readonly text: string; readonly parts: [string, number] };
  readonly headers?: Record<string, string>;
}
const send = ({ mail }: { mail: Mail }) => mail.to.length;
flow.step('send', send, {
  mail: {
    to: [{ name: page.out.title }, { name: 'Ada', mail: input.note }],
    body: { text: text`See ${page.out.title}`, parts: [input.url, input.count] },
    headers: { from: input.url, to: 'ada' },
  },
});
declare const mail: Mail;
flow.step('send2', send, { mail });
flow.step('send3', send, {
  mail: {
    to: [
      { name: page.out.title },
      // @ts-expect-error a number
      { name: input.count },
      // @ts-expect-error there may be no note
      { name: input.note },
    ],
    body: {
      text: input.url,
      parts: [
        input.url,
        // @ts-expect-error a text
        input.url,
      ],
    },
    // @ts-expect-error a number
    headers: { from: input.url, to: input.count },
  },
});
// @ts-expect-error no such part
flow.step('send4', send, { mail: { ...mail, heders: {} } });

// Types that contain themselves, and values that are no plain data.
const grow = ({ tree }: { tree: Tree }) => tree;
declare const tree: Tree;
flow.step('grow', grow, {
  tree: { name: input.url, children: [tree, { name: '', children: [] }] },
});
// @ts-expect-error a number, deep down
flow.step('grow2', grow, { tree: { name: '', children: [{ name: input.count, children: [] }] } });
const store = ({ json }: { json: Json }) => json;
flow.step('store', store, {
  json: { list: [input.url, 3, { deep: input.count }], title: page.out },
});
// @ts-expect-error a date is no JSON
flow.step('store2', store, { json: { list: [new Date()] } });
const host = ({ el }: { el: HTMLElement; signal?: AbortSignal; seen?: Map<string, number> }) => el;
declare const el: HTMLDivElement;
flow.step('host', host, { el, signal: AbortSignal.timeout(1), seen: new Map() });
// @ts-expect-error a text
flow.step('host2', host, { el: input.url });
// What takes anything takes references.
const take = ({ all }: { all: unknown; one?: object }) => all;
flow.step('take', take, { all: page.out });
flow.step('take2', take, { all: null });
flow.step('take3', (all: Record<string, string>) => Object.keys(all), { a: input.url, b: 'b' });
// @ts-expect-error a number
flow.step('take4', (all: Record<string, string>) => Object.keys(all), { a: input.count });
// Code whose types nobody knows, and code that wants nothing but the context.
flow.step('dynamic', {} as Step, { anything: input.url });
flow.step('context', (_, { signal }) => signal.aborted, {});

// Code made on the spot by a generic function keeps its types.
const after =
  <T>(value: T) =>
  () =>
    of(value);
same<ResultOf<typeof made>, string>();
const made = flow.step('made', after('a'), {}, { after: [page] });
const tagsOf = flow.step('tagsOf', () => ['a'], {});
const tags = flow.step('tags', each(greet, { as: 'name' }), { items: tagsOf.out });
same<ResultOf<typeof tags>, string[]>();
const loop = flow.step(
  'loop',
  repeat(({ v }: { v: number }) => ({ v: v * 2 }), { while: ({ v }) => v < 100, max: 10 }),
  { v: input.count },
);
same<ResultOf<typeof loop>, { v: number }>();
same<ResultOf<typeof quick>, string>();
const quick = flow.step(
  'quick',
  async ({ name }: { name: string }, { signal }) => {
    same<typeof signal, AbortSignal>();
    return name;
  },
  { name: input.url },
);
const worded = flow.step('worded', () => of('a', 'b'), {});
const streamed = flow.step('streamed', each(greet, { as: 'name' }), { items: worded.chunks });
same<ResultOf<typeof streamed>, string[]>();
const retried = flow.step('again', () => of('a'), {}, { retry: { count: 1 } });
flow.step('streamed2', each(greet, { as: 'name' }), { items: retried.chunks });
// @ts-expect-error the items are texts
flow.step('tags2', each(greet, { as: 'name' }), { items: input.pages });

// Texts. One with a part that may be missing may be missing.
same<ReturnType<typeof prompt>, Ref<string>>();
const prompt = () => text`Write ${input.count} words of ${page.out} in a ${input.tone} tone: ${3}`;
same<ValueOf<ReturnType<typeof vague>>, string | undefined>();
const vague = () => text`Note: ${input.note}`;
// @ts-expect-error there may be no note
flow.step('vague', greet, { name: text`Note: ${input.note}` });
flow.step('sharp', greet, { name: text`Note: ${orElse(input.note, 'none')}` });

// Conditions.
and(
  gt(page.out.body.length, 200),
  lte(input.at, new Date()),
  eq(input.tone, 'warm'),
  eq(page.out.title, input.url),
  not(isIn(input.tone, ['warm'])),
  matches(input.note, 'urgent'),
  exists(refund.out),
  predicate([input.count, page.out.title], (count, title) => {
    same<typeof count, number>();
    same<typeof title, string>();
    return title.length > count;
  }),
);
// @ts-expect-error a text is not greater than a number
gt(input.count, 'many');
// @ts-expect-error a list has no order
gt(input.pages, 3);
// @ts-expect-error not one of the tones
eq(input.tone, 'wram');
// @ts-expect-error not one of the tones
isIn(input.tone, ['warm', 'wram']);
// @ts-expect-error a number contains no text
matches(input.count, 'a');
// @ts-expect-error literal text only
matches(input.url, input.note);
// @ts-expect-error the value to compare stands left, and is a reference
gt(3, 2);
// @ts-expect-error the count is a number
predicate([input.count], (count: string) => count === '');

// What looks like the value and is not.
// @ts-expect-error
input.count + 1;
// @ts-expect-error
input.count > 1;
// @ts-expect-error
input.url.toUpperCase();
// @ts-expect-error
input.url.startsWith('https');
// @ts-expect-error
page.out.title = 'other';
// @ts-expect-error
orElse('value', 'other');
// @ts-expect-error
required(3);
// @ts-expect-error
[...input.pages];

// Of code that takes nothing, references are what it waits for, also under the name of an option.
flow.step('waits', () => 1, { retry: page.out, cache: flow.input.url, other: 5 });
flow.step('any', (...args: unknown[]) => args.length, { retry: { count: 1 } });
