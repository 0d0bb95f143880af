/** Two steps and a link between them: what one returns is passed to the other, and nothing else connects them. */
import { Flow, text } from 'millrace';

const flow = new Flow<{ name: string }>('hello');

const shout = flow.step('shout', ({ text }) => text.toUpperCase(), {
  text: flow.input.name,
});
const count = flow.step('count', ({ text }) => text.length, { text: shout.out });

const hello = flow.output({ greeting: text`Hello ${shout.out}, ${count.out} letters!` });

// Cold: subscribing runs it, and a flow of synchronous steps has run when `subscribe` returns.
hello.run({ name: 'Ada' }).subscribe((event) => console.log(`${event.type} ${event.path}`.trim()));

const { output } = await hello.complete({ name: 'Ada' });
console.log(output.greeting);

// prints:
// FLOW_START
// STEP_START shout
// STEP_OUTPUT shout
// STEP_START count
// STEP_OUTPUT count
// FLOW_OUTPUT
// Hello ADA, 3 letters!
