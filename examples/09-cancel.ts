/** Cancelling holds: signals abort, the run is over at once, and what a deaf step still delivers is told as late. */
import { setTimeout } from 'node:timers/promises';
import { Flow, FlowError } from 'millrace';

const flow = new Flow('work');
const polite = flow.step(
  'polite',
  async (_: object, { signal }) => {
    signal.addEventListener('abort', () => console.log('polite: stops'));
    return setTimeout(60_000, 'done', { signal });
  },
  {},
);
const deaf = flow.step('deaf', async () => setTimeout(50, 'finished anyway'), {});
const work = flow.output({ polite: polite.out, deaf: deaf.out });

const run = work.start({});
run.events$.subscribe({
  next: (event) => {
    if (event.type === 'FLOW_CANCEL') console.log(event.type, event.reason.message);
    if (event.type === 'STEP_LATE') console.log(event.type, event.path, event.value);
  },
  complete: () => console.log('silence'),
});

await setTimeout(5);
run.cancel('no time');
console.log(run.getSnapshot().status);
await run.result.catch((error) => console.log(FlowError.is(error, 'cancelled')));

// prints:
// polite: stops
// FLOW_CANCEL The run of "work" was cancelled: no time (cancelled)
// cancelled
// true
// STEP_LATE deaf finished anyway
// silence
