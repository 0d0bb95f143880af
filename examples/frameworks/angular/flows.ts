/** Two flows: what an amount comes to, which is always shown, and its transfer, which is made once. */
import { Flow } from 'millrace';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const quoting = new Flow<{ amount: number; rate: number }>('quote');
const fee = quoting.step(
  'fee',
  async ({ amount }: { amount: number }) => {
    await pause(20);
    return Math.ceil(amount / 100);
  },
  { amount: quoting.input.amount },
);
const total = quoting.step(
  'total',
  ({ amount, fee, rate }: { amount: number; fee: number; rate: number }) => (amount - fee) * rate,
  { amount: quoting.input.amount, fee: fee.out, rate: quoting.input.rate },
);
export const quote = quoting.output({ fee: fee.out, total: total.out });

const transferring = new Flow<{ amount: number }>('transfer');
const reserved = transferring.step(
  'reserve',
  async ({ amount }: { amount: number }) => {
    await pause(500);
    if (amount > 5000) throw new Error('There is not so much in the account');
    return amount;
  },
  { amount: transferring.input.amount },
);
const sent = transferring.step(
  'send',
  async ({ amount }: { amount: number }) => {
    await pause(20);
    return `${amount} are on their way`;
  },
  { amount: reserved.out },
);
export const transfer = transferring.output({ sent: sent.out });
