/** What a handler that does not say what it takes gets: what binds its params says it. */
import {
  type CodeParams,
  defineStep,
  type ErrorJson,
  each,
  eq,
  Flow,
  gt,
  orElse,
  type Ref,
  type Restart,
  required,
  text,
} from 'millrace';
import { map, type Observable, of } from 'rxjs';
import { z } from 'zod';
import { type ChunkOf, type ResultOf, same } from './equal.ts';

class Money {
  readonly #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  plus(other: Money): Money {
    return new Money(this.#cents + other.#cents);
  }
}
interface Tree {
  readonly name: string;
  readonly children: readonly Tree[];
}
type Any = ReturnType<typeof JSON.parse>;
declare const anything: Any;
declare const unknown: unknown;
declare const el: HTMLElement;
declare const tree: Tree;
declare const money: Money;
declare const either: 'a' | 3 | { n: number } | readonly string[];
declare function fetchPage(url: string): Promise<{ title: string; body: string }>;

const flow = new Flow('flow', {
  input: z.object({
    url: z.url(),
    tone: z.enum(['plain', 'warm']).default('plain'),
    count: z.number(),
    sure: z.boolean(),
    note: z.string().optional(),
    by: z.object({ name: z.string() }).nullable(),
    pages: z.array(z.object({ title: z.string(), tags: z.array(z.string()) })),
    at: z.date(),
    tree: z.custom<Tree>(),
    money: z.custom<Money>(),
    any: z.any(),
    unknown: z.unknown(),
    either: z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]),
  }),
});
const { input } = flow;

// References: to a value, to a part of one, to a result.
const page = flow.step('page', ({ url }) => fetchPage(url), { url: input.url });
same<ResultOf<typeof page>, { title: string; body: string }>();
flow.step(
  'references',
  (params) => {
    same<
      typeof params,
      {
        url: string;
        tone: 'plain' | 'warm';
        sure: boolean;
        note: string | undefined;
        by: { name: string } | null;
        name: string | null;
        tag: string | undefined;
        pages: { title: string; tags: string[] }[];
        at: Date;
        page: { title: string; body: string };
        title: string;
        length: number;
        tree: Tree;
        money: Money;
        any: Any;
        unknown: unknown;
        either: { a: string } | { b: number };
        error: ErrorJson | undefined;
      }
    >();
  },
  {
    url: input.url,
    tone: input.tone,
    sure: input.sure,
    note: input.note,
    by: input.by,
    name: input.by.name,
    tag: input.pages[0].tags[1],
    pages: input.pages,
    at: input.at,
    page: page.out,
    title: page.out.title,
    length: page.out.body.length,
    tree: input.tree,
    money: input.money,
    any: input.any,
    unknown: input.unknown,
    either: input.either,
    error: page.error,
  },
);
flow.step(
  'defaults',
  (params) => {
    same<
      typeof params,
      { note: string; none: string | null; sure: string; text: string; maybe: string | undefined }
    >();
  },
  {
    note: orElse(input.note, 'none'),
    none: orElse(input.note, null),
    sure: required(input.note),
    text: text`Hello ${page.out.title}`,
    maybe: text`Note: ${input.note}`,
  },
);

// Values.
flow.step(
  'values',
  (params) => {
    same<
      typeof params,
      {
        count: number;
        tone: string;
        sure: boolean;
        nothing: null;
        none: undefined;
        at: Date;
        url: URL;
        money: Money;
        el: HTMLElement;
        seen: Map<string, number>;
        signal: AbortSignal;
        pattern: RegExp;
        bytes: Uint8Array<ArrayBuffer>;
        tree: Tree;
        either: 'a' | 3 | { n: number } | readonly string[];
        anything: Any;
        unknown: unknown;
        list: number[];
        mixed: (string | number)[];
        words$: Observable<string>;
      }
    >();
  },
  {
    count: 3,
    tone: 'warm',
    sure: true,
    nothing: null,
    none: undefined,
    at: new Date(),
    url: new URL('https://a.example'),
    money,
    el,
    seen: new Map<string, number>(),
    signal: AbortSignal.timeout(1),
    pattern: /a/,
    bytes: new Uint8Array(1),
    tree,
    either,
    anything,
    unknown,
    list: [1, 2],
    mixed: ['a', 1],
    words$: of('a'),
  },
);
flow.step(
  'literals',
  ({ tone }) => {
    same<typeof tone, 'warm'>();
  },
  { tone: 'warm' as const },
);
flow.step('functions', ({ compare }) => compare('a', 'b'), {
  compare: (a: string, b: string) => a.length - b.length,
});

// Structures with references in them.
const mailed = flow.step(
  'mail',
  ({ mail, ...rest }) => {
    same<typeof rest, { urls: string[]; fixed: [string, number] }>();
    same<
      typeof mail,
      {
        to: { name: string }[];
        body: { text: string; deep: { title: string; at: Date }[] };
        money: Money;
      }
    >();
    return mail.to.map(({ name }) => name);
  },
  {
    mail: {
      to: [{ name: page.out.title }],
      body: { text: text`See ${page.out.title}`, deep: [{ title: page.out.title, at: input.at }] },
      money: new Money(1),
    },
    urls: [input.url, 'https://a.example'],
    fixed: [input.url, input.count] as [typeof input.url, typeof input.count],
  },
);
same<ResultOf<typeof mailed>, string[]>();
const names = flow.step('names', ({ to }) => to.map(({ name }) => name), {
  to: [{ name: page.out.title }, { name: 'Ada' }],
});
same<ResultOf<typeof names>, string[]>();
// What holds no reference keeps its name, below one that does, too.
const kept = flow.step('kept', ({ all }) => [all.tree, all.urls] as const, {
  all: { tree, urls: [input.url] },
});
same<ResultOf<typeof kept>, readonly [Tree, string[]]>();

// Bindings that stand elsewhere.
interface Bindings {
  readonly url: Ref<string>;
  readonly counts: readonly Ref<number>[];
  readonly note?: Ref<string>;
}
declare const declared: Bindings;
flow.step(
  'declared',
  (params) => {
    same<
      typeof params,
      { readonly url: string; readonly counts: readonly number[]; readonly note?: string }
    >();
  },
  declared,
);
declare const record: Record<string, Ref<number>>;
const sum = flow.step('sum', (params) => Object.values(params).reduce((a, b) => a + b, 0), record);
same<ResultOf<typeof sum>, number>();
const bindings = { url: input.url, count: 3 };
const bound = flow.step('bound', ({ url, count }) => url.repeat(count), bindings);
same<ResultOf<typeof bound>, string>();
const spread = flow.step('spread', ({ url, count, tone }) => ({ url, count, tone }), {
  ...bindings,
  tone: input.tone,
});
same<ResultOf<typeof spread>, { url: string; count: number; tone: 'plain' | 'warm' }>();

// What handlers give, in every form.
const plain = flow.step('plain', ({ n }) => n + 1, { n: input.count });
same<ResultOf<typeof plain>, number>();
const later = flow.step('later', async ({ n }) => [n], { n: plain.out });
same<ResultOf<typeof later>, number[]>();
const told = flow.step(
  'told',
  function* ({ body }) {
    yield body.length;
    yield body.length;
  },
  { body: page.out.body },
);
same<ResultOf<typeof told>, number[]>();
same<ChunkOf<typeof told>, number>();
const gist = flow.step(
  'gist',
  async function* ({ prompt }, { signal, log }) {
    same<typeof signal, AbortSignal>();
    log.info(prompt);
    yield prompt;
    return { text: prompt };
  },
  { prompt: page.out.body },
);
same<ResultOf<typeof gist>, { text: string }>();
same<ChunkOf<typeof gist>, string>();
const words = flow.step('words', ({ body }) => of(...body.split(' ')), { body: page.out.body });
same<ResultOf<typeof words>, string>();
same<ChunkOf<typeof words>, string>();
const voice = flow.step('voice', ({ text }) => text.pipe(map((word) => word.length)), {
  text: gist.chunks,
});
same<ResultOf<typeof voice>, number>();
same<ChunkOf<typeof voice>, number>();
const parts = flow.step(
  'parts',
  ({ parts, name }) => parts.pipe(map((part) => `${name}: ${part}`)),
  { parts: gist.chunks, name: 'Ada' },
);
same<ChunkOf<typeof parts>, string>();
const nothing = flow.step('nothing', () => 1, {});
same<ResultOf<typeof nothing>, number>();
const ignored = flow.step('ignored', () => 1, { after: page.out });
same<ResultOf<typeof ignored>, number>();
const aware = flow.step('aware', (_, { attempt }) => attempt, {});
same<ResultOf<typeof aware>, number>();
flow.step(
  'empty',
  (params) => {
    same<keyof typeof params, never>();
  },
  {},
);
const generic = flow.step('generic', ({ items }) => items.map((item) => [item] as const), {
  items: input.pages,
});
same<ResultOf<typeof generic>, (readonly [{ title: string; tags: string[] }])[]>();

// Options know the params and the result, and say what of them.
const optioned = flow.step(
  'optioned',
  async ({ url, count }, { signal }) => {
    same<typeof signal, AbortSignal>();
    return { etag: url.repeat(count) };
  },
  { url: input.url, count: 3 },
  {
    when: gt(input.count, 3),
    retry: { count: 3 },
    cache: { key: ({ url, count }) => url.repeat(count), ttl: 5 },
    equals: (last, next) => last.etag === next.etag,
    fallback: (error, { count }) => {
      same<typeof error, unknown>();
      return count;
    },
    after: [page],
  },
);
same<ResultOf<typeof optioned>, { etag: string } | number | undefined>();
const conditional = flow.step(
  'conditional',
  ({ url }) => url,
  { url: input.url },
  { when: eq(input.tone, 'warm') },
);
same<ResultOf<typeof conditional>, string | undefined>();
const retried = flow.step(
  'retried',
  function* ({ url }) {
    yield url;
  },
  { url: input.url },
  { retry: { count: 2 } },
);
same<ChunkOf<typeof retried>, string | Restart>();
flow.step(
  'restarts',
  ({ urls }) => {
    same<typeof urls, Observable<string | Restart>>();
  },
  { urls: retried.chunks },
);
const rescued = flow.step('rescued', ({ url }) => url, { url: conditional.out }, { fallback: 3 });
same<ResultOf<typeof rescued>, string | number | undefined>();
flow.step(
  'tag',
  ({ url }) => ({ etag: url }),
  { url: input.url },
  {
    // @ts-expect-error no such part of the result
    equals: (last, next) => last.tag === next.etag,
  },
);
// @ts-expect-error no such option
flow.step('again', ({ url }) => url, { url: input.url }, { retyr: { count: 3 } });

// What is said of a param counts, and the bindings are held against it.
flow.step('said', ({ url }: { url: string }, context) => context.attempt + url.length, {
  url: input.url,
});
flow.step('said2', ({ url }: { url: string }, context) => context.attempt + url.length, {
  // @ts-expect-error a number
  url: input.count,
});
flow.step('said3', ({ url }: { url: string }, { signal }) => [url, signal.aborted], {
  // @ts-expect-error the step may have been skipped
  url: conditional.out,
});
flow.step('said4', ({ url }, { attempt }: { attempt: number }) => url.repeat(attempt), {
  url: input.url,
});

// What may be missing may be missing, and have a default.
const defaulted = flow.step('defaulted', ({ url = 'none' }) => url, { url: conditional.out });
same<ResultOf<typeof defaulted>, string>();
flow.step('missing', ({ url }) => url?.length, { url: conditional.out });
// @ts-expect-error the step may have been skipped
flow.step('missing2', ({ url }) => url.length, { url: conditional.out });
// @ts-expect-error no such param
flow.step('missing3', ({ url, ulr }) => url + ulr, { url: input.url });
// @ts-expect-error no params at all
flow.step('missing4', ({ url }) => url, {});
// @ts-expect-error a number is no text
flow.step('missing5', ({ url }) => fetchPage(url), { url: input.count });
// @ts-expect-error the params are missing
flow.step('missing6', ({ url }) => url);
// @ts-expect-error a reference is not an object of params
flow.step('missing7', (params) => params, page.out);
// @ts-expect-error a step is not its result
flow.step('missing8', ({ page }) => page.title, { page });
// @ts-expect-error nor in a structure
flow.step('missing9', ({ pages }) => pages[0]?.title, { pages: [page.out, page] });

// In a function that knows no more, the handler has to say what it takes.
const same1 = <T>(source: Ref<T>) => flow.step('same1', ({ v }: { v: T }) => v, { v: source });
same<ResultOf<ReturnType<typeof same1<number>>>, number>();
// @ts-expect-error nobody knows yet what `v` is
const same2 = <T>(source: Ref<T>) => flow.step('same2', ({ v }) => v, { v: source });

// Described steps, flows and steps around steps are what they were.
const titled = flow.step(
  'titled',
  defineStep({ input: z.object({ url: z.url() }), run: ({ url }) => fetchPage(url) }),
  { url: input.url },
);
same<ResultOf<typeof titled>, { title: string; body: string }>();
const described = flow.step('described', defineStep({ run: ({ url }: { url: string }) => url }), {
  url: input.url,
});
same<ResultOf<typeof described>, string>();
const every = flow.step(
  'every',
  each(async ({ url }: { url: string }) => ({ title: url }), { as: 'url' }),
  { items: [input.url] },
);
same<ResultOf<typeof every>, { title: string }[]>();
const bare = new Flow<{ n: number }>('bare');
const inner = bare.output({ n: bare.step('n', ({ n }) => n + 1, { n: bare.input.n }).out });
same<CodeParams<typeof inner>, { n: number }>();
const nested = flow.step('nested', inner, { n: input.count });
same<ResultOf<typeof nested>, { n: number }>();

// Code that nobody fits.
// @ts-expect-error too many params
flow.step('wrong', (a: string, b: unknown, c: unknown) => [a, b, c], {});
// @ts-expect-error not the context
flow.step('wrong2', ({ url }: { url: string }, n: number) => url.repeat(n), { url: input.url });
// @ts-expect-error no code
flow.step('wrong3', 3, {});

export { same2 };
