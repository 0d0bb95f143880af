/** The flow: a text is cut into sentences, and what matters of them is written down word by word. */
import { setTimeout } from 'node:timers/promises';
import { Flow, type StepContext } from 'millrace';

export interface Text {
  readonly text: string;
  /** How long a word takes, in ms. */
  readonly pace: number;
}

const flow = new Flow<Text>('gist');

const cut = flow.step(
  'cut',
  ({ text }: { text: string }) => {
    const sentences = text.split(/(?<=\.) /).filter((sentence) => sentence !== '');
    if (sentences.length === 0) throw new Error('There is no text');
    return sentences;
  },
  { text: flow.input.text },
);

const gist = flow.step(
  'gist',
  async function* (
    { sentences, pace }: { sentences: readonly string[]; pace: number },
    { signal }: StepContext,
  ) {
    for (const sentence of sentences) {
      yield `${sentence.split(' ').at(-1)} `;
      await setTimeout(pace, undefined, { signal });
    }
  },
  { sentences: cut.out, pace: flow.input.pace },
);

export const gistFlow = flow.output({ gist: gist.out, sentences: cut.out.length });
export type Gist = { readonly gist: string; readonly sentences: number };
