/** Two hooks, and all that there is between a run and React. */
import type { Run, Snapshot } from 'millrace';
import { useEffect, useState, useSyncExternalStore } from 'react';

/** A run or a live flow. */
type Subject = Pick<Run<unknown>, 'subscribe' | 'getSnapshot'>;

/** The state of it. Renders once for each change, and never with a state that another component does not see. */
export const useRun = (run: Subject): Snapshot =>
  useSyncExternalStore(run.subscribe, run.getSnapshot, run.getSnapshot);

/** The text that a step is writing: chunks are no state, they pass by. */
export function useText(run: Run<unknown>, step: string): string {
  const [text, setText] = useState('');
  useEffect(() => {
    setText('');
    const reading = run.chunks$<string>(step).subscribe((chunk) => setText((text) => text + chunk));
    return () => reading.unsubscribe();
  }, [run, step]);
  return text;
}
