import { FlowError } from 'millrace';

/** The FlowError that something throws. */
export function thrown(work: () => unknown): FlowError {
  try {
    work();
  } catch (error) {
    if (FlowError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The FlowError that a promise rejects with. */
export async function rejected(promise: Promise<unknown>): Promise<FlowError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (FlowError.is(error)) return error;
    throw error;
  }
  throw new Error(`it resolved to ${JSON.stringify(value)}`);
}

/** A value that a caller without types passes where it does not belong. */
export const untyped = <T>(value: unknown): T => value as T;
