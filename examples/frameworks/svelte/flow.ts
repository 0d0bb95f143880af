/** Two flows: days off are counted while they are chosen; somebody is asked for them, and what was allowed is booked. */
import { eq, Flow, question } from 'millrace';
import { z } from 'zod';

const day = 24 * 60 * 60 * 1000;

const input = z.object({ from: z.iso.date(), to: z.iso.date() });
const daysFrom = ({ from, to }: { from: string; to: string }) =>
  (Date.parse(to) - Date.parse(from)) / day + 1;

const counting = new Flow('count', { input });
const count = counting.step('days', daysFrom, {
  from: counting.input.from,
  to: counting.input.to,
});
export const counted = counting.output({ days: count.out });

const flow = new Flow('leave', { input });
const days = flow.step('days', daysFrom, { from: flow.input.from, to: flow.input.to });

const approve = flow.step('approve', question({ answer: z.object({ ok: z.boolean() }) }), {
  days: days.out,
});

const booked = flow.step(
  'book',
  async ({ days }: { days: number }) => `${days} days are booked.`,
  { days: days.out },
  { when: eq(approve.out.ok, true) },
);

export const leave = flow.output({ booked: booked.out });
