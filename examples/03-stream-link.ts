/** A step reads what another one tells while that one still works: the second sentence is not there when the first is spoken. */
import { setTimeout } from 'node:timers/promises';
import { defineStep, Flow } from 'millrace';
import { filter, map, type Observable, scan } from 'rxjs';

const flow = new Flow<{ text: string }>('speech');

// An async generator: what it yields are chunks, and all of them together the result.
const write = flow.step(
  'write',
  async function* ({ text }) {
    for (const token of text.split(/(?<= )/)) {
      await setTimeout(1);
      yield token;
    }
    console.log('written');
  },
  { text: flow.input.text },
);

// `write.chunks` instead of `write.out`: this step starts when `write` starts.
const speak = flow.step(
  'speak',
  defineStep({
    reduce: 'collect',
    run: ({ tokens }: { tokens: Observable<string> }) =>
      tokens.pipe(
        scan((text, token) => (/[.!?] ?$/.test(text) ? token : text + token), ''),
        filter((text) => /[.!?] ?$/.test(text)),
        map((sentence) => sentence.trim()),
      ),
  }),
  { tokens: write.chunks },
);

const speech = flow.output({ text: write.out, spoken: speak.out });

const run = speech.start({ text: 'It turns. It grinds. It sings.' });
run.chunks$('speak').subscribe((sentence) => console.log('says:', sentence));
console.log(await run.result);

// prints:
// says: It turns.
// says: It grinds.
// says: It sings.
// written
// {
//   text: 'It turns. It grinds. It sings.',
//   spoken: [ 'It turns.', 'It grinds.', 'It sings.' ]
// }
