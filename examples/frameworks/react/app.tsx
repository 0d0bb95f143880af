/** A run is started by an event, kept in the state of a component, and shown by another one. */
import type { Run } from 'millrace';
import { useState } from 'react';
import { suggest, weather } from './flow.ts';
import { useRun, useText } from './use-run.ts';

// It runs as long as a component shows it.
const suggestions = suggest.live({ typed: '' });

export function App() {
  const [run, setRun] = useState<Run<unknown>>();
  const ask = (data: FormData) => {
    run?.cancel('another city');
    setRun(weather.start({ city: String(data.get('city')) }));
  };
  return (
    <>
      <form action={ask}>
        <input name="city" onChange={({ target }) => suggestions.next({ typed: target.value })} />
        <Suggestions />
        <button type="submit">Ask</button>
      </form>
      {run && <Progress run={run} />}
    </>
  );
}

function Suggestions() {
  const { output } = useRun(suggestions);
  const { cities } = (output ?? { cities: [] }) as { cities: readonly string[] };
  return <small>{cities.join(', ')}</small>;
}

function Progress({ run }: { run: Run<unknown> }) {
  const { status, steps, error } = useRun(run);
  const text = useText(run, 'report');
  return (
    <section data-status={status}>
      <ul>
        {Object.keys(weather.steps).map((id) => (
          <li key={id}>
            {id}: {steps[id]?.status ?? 'waiting'}
          </li>
        ))}
      </ul>
      <output>{text}</output>
      {error && <p role="alert">{error.message}</p>}
      {status === 'running' && (
        <button type="button" onClick={() => run.cancel('no longer wanted')}>
          Cancel
        </button>
      )}
    </section>
  );
}
