/** Kysely, which only those need who use the SQL savers. */
import { FlowError } from '../index.ts';

export type KyselyModule = typeof import('kysely');

export async function kysely(): Promise<KyselyModule> {
  try {
    return await import('kysely');
  } catch (cause) {
    throw new FlowError(
      'invalid-option',
      'The SQL savers need the package "kysely", which is not there: npm install kysely',
      { cause },
    );
  }
}
