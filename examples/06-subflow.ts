/** A flow is a step. Its steps are told under its path, and its own flow never hears where it is used. */
import { Flow, text } from 'millrace';

const inner = new Flow<{ word: string }>('clean');
const trimmed = inner.step('trim', ({ word }) => word.trim(), {
  word: inner.input.word,
});
const lowered = inner.step('lower', ({ word }) => word.toLowerCase(), {
  word: trimmed.out,
});
const clean = inner.output({ word: lowered.out });

const flow = new Flow<{ first: string; last: string }>('address');
const first = flow.step('first', clean, { word: flow.input.first });
const last = flow.step('last', clean, { word: flow.input.last });
const address = flow.output({ mail: text`${first.out.word}.${last.out.word}@mill.example` });

address.run({ first: ' Ada', last: 'LOVELACE ' }).subscribe((event) => {
  if (event.type === 'STEP_OUTPUT') console.log(event.path, event.output);
  if (event.type === 'FLOW_OUTPUT') console.log(event.output);
});

// prints:
// first.trim Ada
// last.trim LOVELACE
// first.lower ada
// last.lower lovelace
// first { word: 'ada' }
// last { word: 'lovelace' }
// { mail: 'ada.lovelace@mill.example' }
