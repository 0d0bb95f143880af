/** docs/errors.md shows real messages: each of them is raised here, and has to stand there word for word. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type CompiledFlow,
  defineStep,
  Flow,
  type FlowError,
  MemorySaver,
  predicate,
  question,
  staleRun,
  text,
} from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { Observable } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(resolve(root, 'docs/errors.md'), 'utf8');
const shown = [...page.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)]
  .filter(([, language]) => language === '')
  .map(([, , block]) => block);

const fetchPage = defineStep({
  input: z.object({ url: z.string() }),
  output: z.object({ title: z.string() }),
  run: async ({ url }) => ({ title: url }),
});
const nothing = {};

/** A flow "digest" of one step "page". */
function pageFlow(code: () => unknown, settings: object = {}): CompiledFlow<object, unknown> {
  const flow = new Flow<object>('digest');
  const page = flow.step('page', code, {}, settings);
  return flow.output({ gist: page.out });
}

/** Gives the error of the step, not that of the run. */
const stepError = (flow: CompiledFlow<object, unknown>): Promise<unknown> =>
  flow.complete(nothing).catch((error: FlowError) => Promise.reject(error.errors[0]));

function postFlow(saver: MemorySaver, topic = (given: unknown): unknown => given) {
  const flow = new Flow<{ topic: string }>('post');
  const draft = flow.step('draft', ({ about }: { about: unknown }) => about, {
    about: topic(flow.input.topic),
  });
  const approve = flow.step('approve', question({ answer: z.object({ ok: z.boolean() }) }), {
    draft: draft.out,
  });
  return flow.output({ ok: approve.out.ok }).with({ saver });
}

async function suspended(id: string, saver = new MemorySaver()): Promise<MemorySaver> {
  await postFlow(saver)
    .complete({ topic: 'mills' }, { id })
    .catch(() => undefined);
  return saver;
}

const raise: Readonly<Record<string, () => unknown>> = {
  'invalid-definition': () => {
    const flow = new Flow('digest', { input: z.object({ url: z.string() }) });
    const from = flow.step('page', fetchPage, {} as never);
    const wrong = { subject: (from.out as never)['titel'], to: (flow.input as never)['ulr'] };
    const mail = flow.step('mail', (params: { subject: unknown; to: unknown }) => params, wrong);
    return flow.output({ mail: mail.out });
  },
  cycle: () =>
    new FlowBuilder('draft')
      .addStep('write', () => 1, { note: '{{check.return}}' })
      .addStep('check', () => 1, { draft: '{{write.return}}' }),
  'invalid-link': () =>
    new FlowBuilder('digest').addLink('a', 'b', { on: 'failure' }).addLink('a', 'b', {
      on: 'success',
    }),
  'invalid-key': () => new FlowBuilder('digest').setOutput('title', 'page.return.'),
  'invalid-key, of a template': () =>
    new FlowBuilder('digest').addStep('mail', () => 1, { text: 'Dear {{name' }),
  'invalid-option': () => pageFlow(() => 1, { retry: { cuont: 3 } }),
  'ref-misuse': () => {
    const flow = new Flow<{ url: string }>('digest');
    return `${flow.step('page', fetchPage, { url: flow.input.url }).out.title}`;
  },
  'not-serialisable': () => {
    const flow = new Flow<{ age: number }>('digest');
    const when = predicate([flow.input.age], (age) => age > 1);
    return flow.output({ mail: flow.step('mail', () => 1, {}, { when }).out }).toJSON();
  },
  'invalid-input': () => {
    const flow = new Flow('digest', { input: z.object({ url: z.url() }) });
    return flow.output({ url: flow.input.url }).complete({ url: 'nonsense' });
  },
  'invalid-params': () => {
    const flow = new Flow<object>('digest');
    const number = flow.step('number', () => 42 as unknown as string, {});
    const page = flow.step('page', fetchPage, { url: number.out });
    return stepError(flow.output({ title: page.out.title }));
  },
  'invalid-result': () => {
    const flow = new Flow<object>('digest');
    const output = z.object({ title: z.string(), words: z.number() });
    const run = () => ({ title: 'Mills', words: 'many' as unknown as number });
    const page = flow.step('page', defineStep({ output, run }), {});
    return stepError(flow.output({ title: page.out.title }));
  },
  'step-failed': () =>
    stepError(
      pageFlow(
        () => {
          throw 'nope';
        },
        { retry: { count: 1 } },
      ),
    ),
  'step-timeout': () =>
    stepError(pageFlow(() => new Promise(() => {}), { timeout: { attempt: 10 } })),
  'run-failed': () => {
    const flow = new Flow<object>('digest');
    const page = flow.step('page', (): string => Promise.reject(new Error('no route to host')) as never, {}); // biome-ignore format: one thought
    const gist = flow.step('gist', ({ page }: { page: string }) => page, { page: page.out });
    return flow.output({ gist: gist.out }).complete(nothing);
  },
  cancelled: () => {
    const run = pageFlow(() => new Promise(() => {})).start(nothing);
    const { result } = run;
    run.cancel('the user left');
    return result;
  },
  suspended: () => postFlow(new MemorySaver()).complete({ topic: 'mills' }, { id: 'r1' }),
  'invalid-answer': async () => {
    const flow = new Flow<object>('post');
    const approve = question({ answer: z.object({ ok: z.boolean() }) });
    const run = flow.output({ ok: flow.step('approve', approve, {}).out.ok }).start(nothing);
    try {
      await run.answer('approve', { ok: 1 });
    } finally {
      run.cancel();
    }
  },
  'run-exists': async () =>
    postFlow(await suspended('r1')).complete({ topic: 'mills' }, { id: 'r1' }),
  'run-not-found': () => postFlow(new MemorySaver()).resume('r2').result,
  'definition-changed': async () =>
    postFlow(await suspended('r3'), (topic) => text`More about ${topic}`).resume('r3').result,
  'stale-run': () => {
    throw staleRun({ runId: 'r1', prev: 4 } as never, 7);
  },
  'saver-failed': () => {
    const saver = new MemorySaver();
    saver.save = (commits$) =>
      new Observable((out) => commits$.subscribe(() => out.error(new Error('disk full'))));
    return pageFlow(() => 1).complete(nothing, { saver, id: 'r1', durability: 'sync' });
  },
};

test.each(Object.keys(raise))('the page shows the message of %s', async (name) => {
  let error: unknown;
  try {
    await raise[name]?.();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: name.split(',')[0] });
  expect(shown).toContain((error as FlowError).message);
});

test('the page has a place for every code, and for none that does not exist', () => {
  const source = readFileSync(resolve(root, 'src/errors.ts'), 'utf8');
  const [union = ''] = source.slice(source.indexOf('export type ErrorCode')).split(';');
  const codes = [...union.matchAll(/^ {2}\| '([a-z-]+)'/gm)].map(([, code]) => code);
  const headings = [...page.matchAll(/^### `([a-z-]+)`$/gm)].map(([, code]) => code);
  expect(headings.sort()).toEqual(codes.sort());
});
