/** What saver contracts are made of: commits as runs make them, questions to a saver, and what an answer should be. */

import { firstValueFrom, from, lastValueFrom, type ObservableInput, toArray } from 'rxjs';
import {
  type Change,
  type Claim,
  type Commit,
  claimedSnapshot,
  commitOf,
  type ErrorCode,
  FlowError,
  type Saver,
  type Snapshot,
} from '../index.ts';
import { firstDifference, sameValue } from './same-value.ts';
import { showOnOneLine } from './show.ts';

/** What a law is given. */
export interface Subject {
  readonly saver: Saver;
  /** Another saver on the same store, or the same one. */
  readonly again: () => Promise<Saver>;
}

/** Says a law: a sentence, and how it shows. */
export type Say = (sentence: string, law: (subject: Subject) => Promise<void>) => void;

const flow = Object.freeze({ id: 'story', hash: 'h', steps: Object.freeze({ a: 'h1' }) });

/** A run that goes as it is told. */
export class Story {
  readonly claim: Claim;
  readonly commits: Commit[] = [];
  snapshot: Snapshot;
  private seq = 0;

  constructor(runId: string, claim: Partial<Claim> = {}) {
    this.claim = { runId, flow, t: 1000, ...claim };
    this.snapshot = claimedSnapshot(this.claim);
    const { parentId } = this.claim;
    this.tell({
      type: 'FLOW_START',
      flow: this.claim.flow.id,
      input: {},
      ...(parentId !== undefined && { parentId }),
    });
  }

  /** Tells what happens to a step, or to the run where the path is empty. */
  tell(change: Change, path = ''): this {
    const { runId, t } = this.claim;
    const { seq } = this;
    const event = { ...change, runId, path, stepId: path, seq, t: t + seq };
    const commit = commitOf(this.snapshot, event);
    this.seq += 1;
    if (!commit) return this;
    this.snapshot = commit.snapshot;
    this.commits.push(commit);
    return this;
  }

  /** A step that starts and succeeds. */
  step(path: string, output: unknown, input: unknown = {}): this {
    this.tell({ type: 'STEP_START', input }, path);
    const { t } = this.claim;
    return this.tell({ type: 'STEP_OUTPUT', input, output, t0: t, t1: t + 1, attempts: 1 }, path);
  }

  steps(count: number, output: (index: number) => unknown = (index) => index): this {
    for (let index = 0; index < count; index++) this.step(`s${index}`, output(index));
    return this;
  }

  end(output: unknown = 'done'): this {
    return this.tell({ type: 'FLOW_OUTPUT', output });
  }

  /** Another course of events from here on. */
  branch(): Story {
    const other = new Story(this.claim.runId, this.claim);
    other.snapshot = this.snapshot;
    other.seq = this.seq;
    other.commits.length = 0;
    return other;
  }

  /** Chunks take numbers and change nothing, so that commits have gaps between them. */
  chunks(count: number): this {
    for (let chunk = 0; chunk < count; chunk++) this.tell({ type: 'STEP_CHUNK', chunk }, 's0');
    return this;
  }
}

export const once = <T>(answer: ObservableInput<T>): Promise<T | undefined> =>
  firstValueFrom(from(answer), { defaultValue: undefined });

export const every = <T>(answers: ObservableInput<T>): Promise<T[]> =>
  lastValueFrom(from(answers).pipe(toArray()));

/** Stores commits; gives back what was acknowledged. */
export const put = (saver: Saver, commits: readonly Commit[]): Promise<number[]> =>
  every(saver.save(from(commits)));

/** Claims the run of a story and stores it. */
export async function told(saver: Saver, story: Story): Promise<Story> {
  await once(saver.claim(story.claim));
  await put(saver, story.commits);
  return story;
}

export function same(actual: unknown, expected: unknown, what: string): void {
  if (sameValue(expected, actual)) return;
  const place = firstDifference(expected, actual) ?? { path: '', expected, actual };
  const where = place.path === '' ? what : `${what}: ${place.path}`;
  throw new Error(
    `${where} is ${showOnOneLine(place.actual)}, and should be ${showOnOneLine(place.expected)}`,
  );
}

/** The FlowError that a promise must reject with. */
export async function refusal(
  promise: Promise<unknown>,
  code: string,
  what: string,
): Promise<FlowError> {
  const [error, became] = await promise.then(
    (value) => [undefined, `gave ${showOnOneLine(value)}`] as const,
    (thrown: unknown) => [thrown, `was with: ${messageOf(thrown)}`] as const,
  );
  if (FlowError.is(error, code as ErrorCode)) return error;
  throw new Error(`${what} should be refused with ${code}, and ${became}`, { cause: error });
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : showOnOneLine(thrown);

/** The same numbers for the same seed, from 0 up to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
