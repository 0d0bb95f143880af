/** What can be seen of a step of a compiled flow. */
import type { StepShape } from '../graph/definition.ts';
import { present } from '../plain.ts';
import type { Step } from './step.ts';

export interface StepInfo extends Pick<StepShape, 'description' | 'metadata'> {
  readonly id: string;
  readonly isLlm: boolean;
  readonly isFlow: boolean;
  /** Its code is an `async` function. */
  readonly isCoroutine: boolean;
  /** Its code is an `async function*`. */
  readonly isAsyncGen: boolean;
}

export function infoOf(id: string, step: Step): StepInfo {
  const { description, metadata, isLlm = false, definition, handler } = step;
  const kind = Object.prototype.toString.call(handler);
  return present({
    id,
    description,
    metadata,
    isLlm,
    isFlow: definition !== undefined,
    isCoroutine: kind === '[object AsyncFunction]',
    isAsyncGen: kind === '[object AsyncGeneratorFunction]',
  });
}
