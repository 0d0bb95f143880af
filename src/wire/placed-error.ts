/** What handlers throw, as errors that say where. */
import { FlowError, isErrorLike, messageOf, showValue } from '../errors.ts';

/** An error of ours that says already where it happened stays; anything else becomes the cause of one that says. */
export function placedError(error: unknown, path: string, attempt: number): FlowError {
  if (FlowError.is(error)) {
    const { path: at } = error;
    if (at === path || at?.startsWith(`${path}.`) || at?.startsWith(`${path}[`)) return error;
  }
  // An error of ours says its code already; this one is another.
  const fact = isErrorLike(error)
    ? messageOf(error).replace(FlowError.is(error) ? ` (${error.code})` : '', '')
    : `it threw ${showValue(error)}, which is no Error. An Error tells where it came from.`;
  return new FlowError(
    'step-failed',
    `Step "${path}" failed${attempt > 1 ? ` in attempt ${attempt}` : ''}: ${fact}`,
    { cause: error, path, attempt },
  );
}
