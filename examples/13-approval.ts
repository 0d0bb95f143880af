/** An approval that survives the end of the process: one process asks, another one answers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineStep, Flow, FlowError, question, text } from 'millrace';
import { sqlite } from 'millrace/savers/sqlite';
import { z } from 'zod';

const flow = new Flow('refund', { input: z.object({ customer: z.string(), amount: z.number() }) });
const letter = flow.step(
  'letter',
  defineStep({
    input: z.object({ customer: z.string() }),
    run: ({ customer }) => `Dear ${customer}, your money is on its way.`,
  }),
  { customer: flow.input.customer },
);
const approve = flow.step(
  'approve',
  question({ answer: z.object({ ok: z.boolean(), by: z.string() }) }),
  { ask: text`Refund ${flow.input.amount} to ${flow.input.customer}?` },
);
const sent = flow.step(
  'sent',
  ({ letter, ok, by }) => (ok ? `${letter} Approved by ${by}.` : `Refused by ${by}.`),
  { letter: letter.out, ok: approve.out.ok, by: approve.out.by },
);

const [role, file = '', runId = ''] = process.argv.slice(2);
const saver = sqlite(file || ':memory:');
const refund = flow.output({ sent: sent.out }).with({ saver });

if (role === 'ask') {
  const run = refund.start({ customer: 'Ada', amount: 20 });
  await run.result.catch((error: unknown) => {
    if (!FlowError.is(error, 'suspended')) throw error;
  });
  console.log(run.id);
} else if (role === 'answer') {
  const answers = { approve: { ok: true, by: 'Grace' } };
  const { sent } = await refund.resume(runId, { answers }).result;
  console.log(sent);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'refund-'));
  const inAnotherProcess = (...args: string[]) =>
    execFileSync(process.execPath, [import.meta.filename, ...args], { encoding: 'utf8' }).trim();
  const store = join(folder, 'runs.db');
  const waiting = inAnotherProcess('ask', store);
  console.log('a run waits, and no process of it is left');
  console.log(inAnotherProcess('answer', store, waiting));
  rmSync(folder, { recursive: true });
}
await saver.close();

// prints:
// a run waits, and no process of it is left
// Dear Ada, your money is on its way. Approved by Grace.
