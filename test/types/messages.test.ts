/** What the compilers say of a wrong flow: they blame the argument, and the message names it. */
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Compiler, compile, compilers, folder } from './compiler.ts';

const prelude = `
import { defineStep, each, eq, Flow, gt, text } from 'millrace';
import type { Observable } from 'rxjs';
import { z } from 'zod';
const flow = new Flow('f', { input: z.object({ url: z.url(), tone: z.enum(['plain', 'warm']).default('plain'), count: z.number() }) });
const fetchPage = defineStep({
  input: z.object({ url: z.url(), tries: z.number().default(3) }),
  output: z.object({ title: z.string(), body: z.string() }),
  run: async ({ url }) => ({ title: url, body: url }),
});
const page = flow.step('page', fetchPage, { url: flow.input.url });
const refund = flow.step('refund', () => ({ sum: 3 }), {}, { when: gt(flow.input.count, 3) });
const pay = ({ sum }: { sum: number; note?: string }) => ({ paid: sum });
const mail = ({ to }: { to: { name: string; tags: readonly string[] } }) => to.name;
const speak = ({ text }: { text: Observable<string> }) => text;
const digest = flow.output({ title: page.out.title });
`;

/** The marks stand around what has to be blamed. */
const wrong: Record<string, { readonly code: string; readonly says: readonly string[] }> = {
  'a param of the wrong type': {
    code: "flow.step('x', fetchPage, { «url»: flow.input.count });",
    says: ['Ref', "Type 'number' is not assignable to type 'string'"],
  },
  'a literal of the wrong type': {
    code: "flow.step('x', pay, { «sum»: '3' });",
    says: ["Type 'string' is not assignable to type 'Arg<number>'"],
  },
  'a misspelt part of a result': {
    code: "flow.step('x', fetchPage, { url: page.out.«titel» });",
    says: ["'titel' does not exist"],
  },
  'a misspelt input': {
    code: "flow.step('x', fetchPage, { url: flow.input.«ulr» });",
    says: ["'ulr' does not exist"],
  },
  'a missing param': {
    code: "flow.step('x', fetchPage, «{ tries: 3 }»);",
    says: ["Property 'url' is missing"],
  },
  'a misspelt param': {
    code: "flow.step('x', pay, { sum: 3, «nota»: 'a' });",
    says: ["'nota' does not exist"],
  },
  'a source that may have been skipped': {
    code: "flow.step('x', pay, { «sum»: refund.out.sum });",
    says: ["Type 'number | undefined' is not assignable to type 'number'"],
  },
  'a param that nothing binds, of a handler that does not say what it takes': {
    code: "flow.step('x', ({ url, «ulr» }) => url + ulr, { url: flow.input.url });",
    says: ["'ulr' does not exist on type '{ url: string; }'"],
  },
  'a source that may have been skipped, where it is used': {
    code: "flow.step('x', ({ sum }) => «sum».toFixed(), { sum: refund.out.sum });",
    says: ["'sum' is possibly 'undefined'"],
  },
  'a step where its result is wanted, by a handler that does not say so': {
    code: "flow.step('x', ({ page }) => page.title, { «page» });",
    says: ['StepNode', "not assignable to type 'Arg<{ title: string; body: string; }>'"],
  },
  'a reference where the params are wanted, by a handler that does not say what it takes': {
    code: "flow.step('x', (page) => page, «page.out»);",
    says: ["is not assignable to type 'NoRef'"],
  },
  'code that takes too much': {
    code: "flow.step('x', «(a: object, b: unknown, c: unknown) => [a, b, c]», {});",
    says: ['Target signature provides too few arguments'],
  },
  'a handler inside another step that does not say what it takes': {
    code: 'each(({ «url» }) => url);',
    says: ["'url' does not exist on type 'ParamsWithoutType"],
  },
  'a text with a part that may be missing': {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
    code: "flow.step('x', fetchPage, { «url»: text`${refund.out.sum}` });",
    says: ["Type 'string | undefined' is not assignable to type 'string'"],
  },
  'a wrong reference inside an object, beside a right one': {
    code: "flow.step('x', mail, { to: { «name»: flow.input.count, tags: [flow.input.url] } });",
    says: ["Type 'number' is not assignable to type 'string'"],
  },
  'a wrong reference inside a list': {
    code: "flow.step('x', mail, { to: { name: flow.input.url, tags: ['a', «flow.input.count»] } });",
    says: ["Type 'number' is not assignable to type 'string'"],
  },
  'a text where a stream is wanted': {
    code: "flow.step('x', speak, { «text»: page.out.body });",
    says: ['RefOf<Observable<string>>'],
  },
  'a reference where the params are wanted': {
    code: "flow.step('x', fetchPage, «page.out»);",
    says: ["is not assignable to type 'NoRef'"],
  },
  'a step where its result is wanted': {
    code: 'flow.output({ «page» });',
    says: ['StepNode', 'RefOf<unknown>'],
  },
  'a wrong input of a run': {
    code: 'digest.complete({ «url»: 1, count: 1 });',
    says: ["Type 'number' is not assignable to type 'string'"],
  },
  'a missing input of a run': {
    code: "digest.run(«{ url: 'https://a.example' }»);",
    says: ["Property 'count' is missing"],
  },
  'an input that the flow does not have': {
    code: "digest.start({ url: 'https://a.example', count: 1, «ton»: 'plain' });",
    says: ["'ton' does not exist"],
  },
  'an option of a link that it cannot have': {
    code: "flow.link(page, refund, { «on»: 'fail' });",
    says: ['"fail"', '"failure"'],
  },
  'an option that a step does not have': {
    code: "flow.step('x', pay, { sum: 3 }, { timeout: { total: 5 }, «retyr»: { count: 3 } });",
    says: ["'retyr' does not exist", "'retry'"],
  },
  'an option that a retry does not have': {
    code: "flow.step('x', pay, { sum: 3 }, { retry: { count: 3, «dealy»: 5 } });",
    says: ["'dealy' does not exist", "'delay'"],
  },
  'options in the place of the params, of code that takes none': {
    code: "flow.step('x', () => 1, { retry: { «count»: 3 } });",
    says: ["'count' does not exist in type 'OptionsStandBehindTheParams"],
  },
  'a condition in the place of the params, of code that takes none': {
    code: "flow.step('x', async () => 1, { «when»: gt(flow.input.count, 3) });",
    says: ["is not assignable to type 'OptionsStandBehindTheParams"],
  },
  'a number where a retry is meant': {
    code: "flow.step('x', pay, { sum: 3 }, { «retry»: 3 });",
    says: ["Type 'number' is not assignable to type 'Retry'"],
  },
  'a result that its schema refuses': {
    code: 'defineStep({ output: z.object({ title: z.string() }), run: () => ({ «title»: 1 }) });',
    says: ["Type 'number' is not assignable to type 'string'"],
  },
  'a comparison with a value of another type': {
    code: "gt(page.out.body.length, «'200'»);",
    says: ["Argument of type 'string'", 'Arg<number>'],
  },
  'a comparison with a value that cannot be': {
    code: "eq(flow.input.tone, «'wram'»);",
    says: ['"wram"', '"plain" | "warm"'],
  },
  'a reference used as its value': {
    code: 'flow.input.url.«toUpperCase»();',
    says: ["Property 'toUpperCase' does not exist on type 'Ref<string>'"],
  },
};

interface Complaint {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** By file: an error and the indented lines below it. */
function complaintsOf(output: string): Map<string, Complaint[]> {
  const found = new Map<string, Complaint[]>();
  for (const text of output.split(/\n(?! )/)) {
    const [, file = '', line, column, message = ''] =
      /^(.+?)\((\d+),(\d+)\): error ([\s\S]+)$/.exec(text) ?? [];
    if (file === '') continue;
    const name = basename(file);
    const complaint = { line: Number(line), column: Number(column), message };
    found.set(name, [...(found.get(name) ?? []), complaint]);
  }
  return found;
}

const path = folder('messages');
const names = Object.keys(wrong);
const fileOf = (name: string): string => `case-${names.indexOf(name)}.ts`;
const found = new Map<Compiler, Map<string, Complaint[]>>();

beforeAll(async () => {
  for (const name of names) {
    const code = wrong[name]?.code.replace(/[«»]/g, '');
    writeFileSync(join(path, fileOf(name)), `${prelude}${code}\nexport {};\n`);
  }
  for (const compiler of compilers) {
    const { output } = await compile(compiler, path, { include: ['*.ts'] });
    found.set(compiler, complaintsOf(output));
  }
});
afterAll(() => rmSync(path, { recursive: true }));

describe.each(compilers)('%s', (compiler) => {
  test.each(names)('%s is blamed where it stands, and by its name', (name) => {
    const { code = '', says = [] } = wrong[name] ?? {};
    const complaints = found.get(compiler)?.get(fileOf(name)) ?? [];
    expect(complaints).toHaveLength(1);
    const line = prelude.split('\n').length;
    expect(complaints[0]).toMatchObject({ line, column: code.indexOf('«') + 1 });
    for (const part of says) expect(complaints[0]?.message).toContain(part);
  });
});
