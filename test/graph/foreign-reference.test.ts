/** References of another flow, where only the flow's own ones can mean anything. */
import { and, eq, exists, Flow, not, orElse, predicate, required, text } from 'millrace';
import { expect, test, vi } from 'vitest';
import { thrown } from './thrown.ts';

type Page = { url: string; tags?: string[] };
const fetchPage = ({ url }: { url: string }) => ({ url, title: `Title of ${url}` });
const anything = (params: Readonly<Record<string, unknown>>) => params;

/** A flow, and another one that is written meanwhile: both have an input `url` and a step `page`. */
function both() {
  const outer = new Flow<Page>('outer');
  const page = outer.step('page', fetchPage, { url: outer.input.url });
  const inner = new Flow<Page>('inner');
  const own = inner.step('page', fetchPage, { url: inner.input.url });
  return { outer, page, inner, own };
}

const told = (key: string, owner = 'outer', user = 'inner') =>
  `"${key}" is a reference of the flow "${owner}", but is used in another one, "${user}". Make it an input there, or use "${owner}" as a step there. (ref-misuse)`;

test('1.4 a reference of another flow is refused where it is used as a param, however deep it is', () => {
  const { outer, page, inner } = both();
  for (const [param, key] of [
    [outer.input.url, 'url'],
    [outer.input.tags[0], '$input.tags[0]'],
    [page.out.title, 'page.return.title'],
    [page.chunks, 'page.chunks'],
    [page.error, 'page.error'],
    [outer.memory('history', []), 'history'],
    [orElse(page.out.title, 'none'), 'page.return.title'],
    [required(page.out.title), 'page.return.title'],
    [orElse(required(page.out.title), 'none'), 'page.return.title'],
    [text`Read ${inner.input.url} and ${page.out.title}`, 'page.return.title'],
    [text`Read ${orElse(page.out.title, 'none')}`, 'page.return.title'],
    [text`Read ${text`it: ${page.out.title}`}`, 'page.return.title'],
    [{ list: [1, { own: inner.input.url, deep: [page.out] }] }, 'page.return'],
  ] as const) {
    const { message, code } = thrown(() => inner.step('use', anything, { param }));
    expect(message).toBe(told(key));
    expect(code).toBe('ref-misuse');
  }
  // Nothing of it was added.
  inner.step('use', anything, { url: inner.input.url });
});

test('1.4 so it is in the condition of a step and of a link', () => {
  const { outer, page, inner, own } = both();
  const use = inner.step('use', anything, { own: own.out });
  for (const [when, key] of [
    [eq(page.out.title, 'a'), 'page.return.title'],
    [eq(own.out.title, page.out.title), 'page.return.title'],
    [exists(outer.input.url), 'url'],
    [not(and(exists(own.out), exists(page.out))), 'page.return'],
    [predicate([own.out.url, page.out.title], (a, b) => a === b), 'page.return.title'],
    [{ op: 'not', of: { ...exists(page.out) } }, 'page.return'],
  ] as const) {
    expect(thrown(() => inner.step('late', anything, {}, { when })).message).toBe(told(key));
    expect(thrown(() => inner.link(own, use, { when })).message).toBe(told(key));
  }
});

test('1.4 so it is in outputs, in what is remembered, and of a step that another one comes after', () => {
  const { page, inner, own } = both();
  expect(thrown(() => inner.output({ page: page.out })).message).toBe(told('page.return'));
  expect(thrown(() => inner.output({ deep: { all: [page.out.url] } })).message).toBe(
    told('page.return.url'),
  );
  expect(thrown(() => inner.remember('last', page.out)).message).toBe(told('page.return'));
  const use = inner.step('use', anything, { own: own.out });
  expect(thrown(() => inner.link(page, use)).message).toBe(told('page.return'));
  expect(thrown(() => inner.link(own, page)).message).toBe(told('page.return'));
  expect(thrown(() => inner.step('late', anything, {}, { after: [page] })).message).toBe(
    told('page.return'),
  );
  expect(thrown(() => inner.tool(page, 'search', anything)).message).toBe(told('page.return'));
});

test('1.4 what counts is the flow, not its id', () => {
  const flows = ['a', 'a'].map((id) => new Flow<Page>(id));
  const [one, other] = flows as [Flow<Page>, Flow<Page>];
  expect(thrown(() => one.output({ url: other.input.url })).message).toBe(told('url', 'a', 'a'));
  expect(one.output({ url: one.input.url }).data).toEqual({});
});

test('1.4 so it is between two copies of the package, and what one makes of a reference of the other keeps its flow', async () => {
  vi.resetModules();
  const copy = await import('millrace');
  expect(copy.Flow).not.toBe(Flow);
  const { page, inner } = both();
  for (const param of [
    page.out.title,
    copy.orElse(page.out.title, 'none'),
    copy.text`It is ${page.out.title}`,
  ]) {
    const other = new copy.Flow<Page>('inner');
    for (const flow of [inner, other] as Flow<Page>[])
      expect(thrown(() => flow.step('use', anything, { param })).message).toBe(
        told('page.return.title'),
      );
  }
  const when = copy.exists(page.out);
  expect(thrown(() => inner.step('use', anything, {}, { when })).message).toBe(told('page.return'));
});

test('1.4 the flow that a reference belongs to is no part of the definition', async () => {
  const made = () => {
    const flow = new Flow<Page>('made');
    const when = and(exists(flow.input.url), eq(flow.input.tags.length, 1));
    const page = flow.step('page', fetchPage, { url: flow.input.url }, { when });
    return flow.output({ title: orElse(page.out.title, 'none'), note: text`of ${flow.input.url}` });
  };
  const [one, other] = [made(), made()];
  expect(one.hash).toBe(other.hash);
  const json = one.toJSON();
  expect(JSON.stringify(json)).toBe(JSON.stringify(other));
  expect(json.outputs).toEqual({
    title: { key: 'page.return.title', default: 'none' },
    note: { text: ['of ', { key: 'url' }] },
  });
  const input = { url: 'u', tags: ['t'] };
  const wanted = { title: 'Title of u', note: 'of u' };
  const again = Flow.fromJSON(json, { steps: { page: fetchPage } });
  for (const flow of [one, again, again.withSteps((entry) => entry)])
    expect((await flow.complete(input)).output).toEqual(wanted);
});

test('1.4 the way out: the value is an input of the inner flow, which is a step of the outer one', async () => {
  const { outer, page, inner, own } = both();
  const nested = outer.step('nested', inner.output({ title: own.out.title }), {
    url: page.out.title,
  });
  const { output } = await outer.output({ title: nested.out.title }).complete({ url: 'u' });
  expect(output).toEqual({ title: 'Title of Title of u' });
});
