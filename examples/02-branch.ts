/** A condition is data. The branch that is not taken is skipped, the join after it runs all the same, and the run says why. */
import { Flow, gt, lte } from 'millrace';

const flow = new Flow<{ amount: number }>('order');
const { amount } = flow.input;

const review = flow.step(
  'review',
  async ({ amount }) => `reviewed ${amount}`,
  { amount },
  { when: gt(amount, 100) },
);
const accept = flow.step(
  'accept',
  ({ amount }) => `accepted ${amount}`,
  { amount },
  { when: lte(amount, 100) },
);
// Only what comes after a skipped step alone is skipped with it.
const appeal = flow.step('appeal', ({ of }) => `appeal: ${of}`, {
  of: review.out,
});

interface Answers {
  review: string | undefined;
  accept: string | undefined;
}
const reply = flow.step('reply', ({ review, accept }: Answers) => review ?? accept, {
  review: review.out,
  accept: accept.out,
});

const order = flow.output({ reply: reply.out, appeal: appeal.out });

for (const amount of [250, 20]) {
  const run = order.start({ amount });
  console.log(await run.result);
  for (const step of ['review', 'appeal']) console.log(run.explain(step));
}

// prints:
// { reply: 'reviewed 250', appeal: 'appeal: reviewed 250' }
// "review" ran and succeeded.
// "appeal" ran and succeeded.
// { reply: 'accepted 20' }
// "review" was skipped: the condition "amount > 100" was false: amount was 20.
// "appeal" was skipped: "review" was skipped: the condition "amount > 100" was false: amount was 20.
