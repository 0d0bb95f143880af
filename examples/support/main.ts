/**
 * Support: a message is classified; a complaint goes to a person, a question is answered from files. The draft is read aloud sentence by
 * sentence while it is still being written, and checked against what was found before it goes out.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { eq, Flow, ne, text } from 'millrace';
import { llm, messageText } from 'millrace/llm';
import { concat, concatMap, defer, type Observable, of } from 'rxjs';
import { z } from 'zod';
import { chooseModel } from '../shared/model.ts';
import { Index } from './bm25.ts';

const folder = new URL('./knowledge/', import.meta.url);
const index = new Index(
  readdirSync(folder)
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') })),
);

const model = await chooseModel(({ messages, response }) => {
  const asked = messages.map(messageText).join('\n');
  if (asked.includes('Is every claim')) return '{"isGrounded": true, "problems": []}';
  if (response) return asked.includes('lawyer') ? '{"kind": "complaint"}' : '{"kind": "question"}';
  return 'Hold the button of the lamp for ten seconds. That resets the battery controller. If it stays dark, we replace it for free.';
});

/** Cuts a stream of tokens into sentences: each is there as soon as it is whole. */
function sentences({ tokens }: { tokens: Observable<string> }): Observable<string> {
  let rest = '';
  const whole = tokens.pipe(
    concatMap((token) => {
      const parts = (rest + token).split(/(?<=[.!?])\s+/);
      rest = parts.pop() ?? '';
      return parts;
    }),
  );
  return concat(
    whole,
    defer(() => (rest === '' ? [] : of(rest))),
  );
}

const flow = new Flow('support', { input: z.object({ message: z.string().min(1) }) });
const { message } = flow.input;

const kind = flow.step(
  'classify',
  llm({ model, schema: z.object({ kind: z.enum(['question', 'complaint']) }) }),
  {
    system: 'Is this message a question about our products and services, or a complaint?',
    prompt: message,
  },
);
const escalated = flow.step(
  'escalate',
  ({ message }) => `A person will call you about: "${message}"`,
  { message },
  {
    when: eq(kind.out.object.kind, 'complaint'),
  },
);
const found = flow.step(
  'retrieve',
  ({ query }) => index.search(query, 2),
  { query: message },
  {
    when: ne(kind.out.object.kind, 'complaint'),
  },
);
const draft = flow.step('draft', llm({ model }), {
  system: text`Answer in three sentences, from these documents only: ${found.out}`,
  prompt: message,
});
const spoken = flow.step('speak', sentences, { tokens: draft.chunks });
const check = flow.step(
  'check',
  llm({ model, schema: z.object({ isGrounded: z.boolean(), problems: z.array(z.string()) }) }),
  {
    prompt: text`Is every claim of the answer in the documents?\nDocuments: ${found.out}\nAnswer: ${draft.out.text}`,
  },
);
const support = flow.output({
  answer: draft.out.text,
  sources: found.out,
  check: check.out.object,
  escalated: escalated.out,
  last: spoken.out,
});

for (const message of [
  'My lamp charges no more, is the battery dead?',
  'This is the third broken lamp. I will call my lawyer!',
]) {
  console.log(`> ${message}`);
  const run = support.start({ message });
  run.chunks$<string>('speak').subscribe((sentence) => console.log(`  ${sentence}`));
  const { sources, check, escalated } = await run.result;
  if (escalated) console.log(`  ${escalated}`);
  if (sources)
    console.log(
      `  from ${sources.map(({ name }) => name).join(', ')}; grounded: ${check?.isGrounded}`,
    );
}

// prints:
// > My lamp charges no more, is the battery dead?
//   Hold the button of the lamp for ten seconds.
//   That resets the battery controller.
//   If it stays dark, we replace it for free.
//   from batteries.md, shipping.md; grounded: true
// > This is the third broken lamp. I will call my lawyer!
//   A person will call you about: "This is the third broken lamp. I will call my lawyer!"
