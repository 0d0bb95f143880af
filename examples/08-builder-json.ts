/** A flow by string keys, as JSON, and back: what a program makes, stores, or gets from elsewhere. */
import { defineStep, Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { z } from 'zod';

const steps = {
  fetch: defineStep({
    input: z.object({ city: z.string() }),
    output: z.object({ degrees: z.number() }),
    run: ({ city }) => ({ degrees: city.length * 4 }),
  }),
  warn: defineStep({
    input: z.object({ text: z.string() }),
    run: ({ text }) => text.toUpperCase(),
  }),
};

const built = new FlowBuilder('weather')
  .addStep('fetch', steps.fetch, { city: '{{city}}' })
  .addStep('warn', steps.warn, { text: '{{city}} has {{fetch.return.degrees}} °C' })
  .addLink('fetch', 'warn', {
    when: { op: 'gt', left: { key: 'fetch.return.degrees' }, right: 20 },
  })
  .setOutput('degrees', 'fetch.return.degrees')
  .setOutput('warning', 'warn.return')
  .build();

// Plain data: code does not travel. What comes back is joined with the steps of a registry.
const json = JSON.parse(JSON.stringify(built)) as ReturnType<typeof built.toJSON>;
const flow = Flow.fromJSON(json, { steps });

for (const [key, binding] of Object.entries(json.data)) console.log(key, JSON.stringify(binding));
console.log(flow.hash === built.hash ? 'the same flow' : 'another flow');
console.log((await flow.complete({ city: 'Hamburg' })).output);
console.log((await flow.complete({ city: 'Ulm' })).output);

// prints:
// fetch.city {"key":"city"}
// warn.text {"text":[{"key":"city"}," has ",{"key":"fetch.return.degrees"}," °C"]}
// the same flow
// { degrees: 28, warning: 'HAMBURG HAS 28 °C' }
// { degrees: 12 }
