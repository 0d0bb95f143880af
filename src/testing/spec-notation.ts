/** The notation of flows in `marbles/`: lines read into what they say. `marbles/README.md` explains it to people. */
import { FlowError } from '../index.ts';

/** A step: `d(a, b$) all retry 2 delay 3 = --# then -(d|)`. Lines that are indented further are the steps of a flow. */
export interface StepLine {
  readonly kind: 'step';
  readonly id: string;
  readonly reads: readonly Read[];
  readonly words: string;
  /** None of a flow. */
  readonly answer: string | undefined;
  readonly lines: readonly Line[];
}

export interface Read {
  readonly name: string;
  readonly what: 'value' | 'chunks' | 'error';
  readonly fallback?: string;
  readonly required: boolean;
}

export type Line =
  | StepLine
  /** `given n = 1`: an input. A list has commas. */
  | { readonly kind: 'given'; readonly name: string; readonly value: string }
  /** `input n = 1--2|`: an input of a live flow. */
  | { readonly kind: 'input'; readonly name: string; readonly value: string }
  /** `answer ask = ---y`: when the question of a step is answered, and how. */
  | { readonly kind: 'answer'; readonly name: string; readonly value: string }
  /** `where p = "12"`: what a character stands for. */
  | { readonly kind: 'where'; readonly name: string; readonly value: string }
  /** `output c, d`: by default every step is an output. */
  | { readonly kind: 'output'; readonly value: string }
  /** `with concurrency 2`: an option of the run. */
  | { readonly kind: 'with'; readonly name: string; readonly value: string }
  /** `run = ^---!`: the run is cancelled then. */
  | { readonly kind: 'run'; readonly value: string };

export function readLines(texts: readonly string[]): readonly Line[] {
  const lines: Line[] = [];
  for (let i = 0; i < texts.length; ) {
    const text = texts[i] as string;
    const own = indentOf(text);
    const inner: string[] = [];
    for (i++; i < texts.length && indentOf(texts[i] as string) > own; i++)
      inner.push(texts[i] as string);
    lines.push(readLine(text.trim(), inner));
  }
  return lines;
}

const indentOf = (text: string): number => text.length - text.trimStart().length;

function readLine(text: string, inner: readonly string[]): Line {
  const named = /^(given|input|answer|where) (\S+)\s*=\s*(.*)$/.exec(text);
  if (named) {
    const [, kind, name = '', value = ''] = named;
    return { kind: kind as 'given', name, value };
  }
  const output = /^output (.*)$/.exec(text);
  if (output) return { kind: 'output', value: output[1] ?? '' };
  const option = /^with (\w+) (.*)$/.exec(text);
  if (option) return { kind: 'with', name: option[1] ?? '', value: option[2] ?? '' };
  const run = /^run\s*=\s*(.*)$/.exec(text);
  if (run) return { kind: 'run', value: run[1] ?? '' };
  const [, id, reads = '', words = '', , answer] =
    /^(\w+)(?:\(([^)]*)\))?([^=]*?)\s*(=\s*(.*))?$/.exec(text) ?? [];
  if (id === undefined || (answer === undefined) === (inner.length === 0)) throw unreadable(text);
  const read = reads
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map(readRead);
  return {
    kind: 'step',
    id,
    reads: read,
    words: ` ${words.trim()} `,
    answer,
    lines: readLines(inner),
  };
}

function readRead(text: string): Read {
  const [, needs, name, mark, , fallback] =
    /^(needs )?([\w.]+)([$!])?( or (\S+))?$/.exec(text) ?? [];
  if (name === undefined) throw unreadable(text);
  return {
    name,
    what: mark === '$' ? 'chunks' : mark === '!' ? 'error' : 'value',
    required: needs !== undefined,
    ...(fallback !== undefined && { fallback }),
  };
}

export const unreadable = (text: string): FlowError =>
  new FlowError(
    'invalid-option',
    `"${text}" is no line of a flow. marbles/README.md tells how they are written`,
  );
