/** Retries, timeouts and a fallback are settings of a step; its code knows nothing of them but its signal. */
import { setTimeout } from 'node:timers/promises';
import { Flow, FlowError, type StepContext } from 'millrace';

const flow = new Flow<{ city: string }>('weather');
const { city } = flow.input;

let calls = 0;
const temperature = flow.step(
  'temperature',
  async ({ city }) => {
    if (++calls < 3) throw new Error(`no line to ${city}`);
    return 21;
  },
  { city },
  { retry: { count: 4, delay: 5, backoff: 'exponential' } },
);

// The signal aborts when the time is over, and then the timer is gone, too.
const slow = (_: object, { signal }: StepContext) => setTimeout(60_000, 'sunny', { signal });
const timeout = { attempt: 10 };

const forecast = flow.step('forecast', slow, {}, { timeout, fallback: 'nobody knows' });
const tide = flow.step('tide', slow, {}, { timeout });

const weather = flow.output({ temperature: temperature.out, forecast: forecast.out });
const { output, snapshot } = await weather.complete({ city: 'Ulm' });
console.log(output);
// A step on the side may fail: the run succeeds, and the failure stands in its state.
console.log(snapshot.status, '-', snapshot.steps['tide']?.error?.message);

const strict = flow.output({ tide: tide.out });
const failure: unknown = await strict.complete({ city: 'Ulm' }).catch((error) => error);
if (FlowError.is(failure, 'run-failed')) console.log(failure.message);

// prints:
// { temperature: 21, forecast: 'nobody knows' }
// success - Step "tide" took longer than 10 ms. Give it more time in its option "timeout", or make it faster. (step-timeout)
// The run of "weather" failed: its output "tide" needs "tide". (run-failed)
//   - tide: Step "tide" took longer than 10 ms. Give it more time in its option "timeout", or make it faster. (step-timeout)
