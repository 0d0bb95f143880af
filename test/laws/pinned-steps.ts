/** Steps of pinned graphs, with what matters of them only. */
import { plainCode } from './graphs.ts';
import type { CodeWork, StepModel } from './model.ts';

export const code = (work: Partial<CodeWork> = {}): CodeWork => ({ ...plainCode, ...work });

export const step = (id: string, given: Partial<StepModel> = {}): StepModel => ({
  id,
  params: [],
  links: [],
  settings: {},
  work: code(),
  ...given,
});

export const reads = (...keys: string[]) =>
  keys.map((key, i) => ({ name: `p${i}`, source: { key } }));
