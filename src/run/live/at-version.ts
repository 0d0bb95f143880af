/** A live run as a step sees it that is at work on one version: what others have remembered by then, whatever comes later. */
import type { Host } from '../../wire/host.ts';
import type { LiveState } from './live-state.ts';
import { viewAt } from './past.ts';
import type { Version } from './seat.ts';

/** The rest it inherits; the questions, and who has asked what is remembered, are noted on first use, and must be those of the run. */
export const atVersion = (state: LiveState, version: Version): Host =>
  Object.create(state, {
    questions: { value: state.questions },
    outcomes: { get: () => viewAt(state, version).outcomes },
    remember: { value: (node: number) => state.remember(node) },
  }) as Host;
