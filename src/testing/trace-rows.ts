/** What became of steps, as rows. */
import type { Mark } from './mark.ts';
import { sameValue } from './same-value.ts';
import type { AttemptTrace, StepTrace, Told } from './step-trace.ts';

type NoValue = Exclude<Mark, { readonly kind: 'value' }>;

/** A mark whose value is still itself and no character. */
export type Happening =
  | NoValue
  | { readonly at: number; readonly kind: 'value'; readonly value: unknown; readonly key?: string };

export type Rows = Map<string, Happening[]>;

/** The rows of steps: those of `paths` in their order, and others behind the one that they belong to. */
export function rowsOf(steps: readonly StepTrace[], paths: readonly string[]): Rows {
  const rows: Rows = new Map();
  const byPath = new Map<string, StepTrace[]>();
  for (const step of steps) {
    const known = byPath.get(step.path);
    if (known) known.push(step);
    else byPath.set(step.path, [step]);
  }
  for (const path of inOrder([...byPath.keys()], paths)) {
    const own = byPath.get(path) ?? [];
    rows.set(`${path}.on`, own.flatMap(activity));
    rows.set(path, own.flatMap(emitted));
    const late = own.flatMap((step) => step.late.map(valueAt));
    if (late.length > 0) rows.set(`${path}.late`, late);
  }
  return rows;
}

function inOrder(found: readonly string[], paths: readonly string[]): readonly string[] {
  const known = new Set(paths);
  const behind = new Map<string, string[]>();
  for (const path of found) {
    if (known.has(path)) continue;
    const place = paths.findLast((each) => belongsTo(path, each)) ?? '';
    const others = behind.get(place);
    if (others) others.push(path);
    else behind.set(place, [path]);
  }
  return [
    ...paths.flatMap((path) => [path, ...(behind.get(path) ?? [])]),
    ...(behind.get('') ?? []),
  ];
}

const belongsTo = (path: string, around: string): boolean =>
  path.startsWith(`${around}.`) || path.startsWith(`${around}[`);

function activity({ attempts, outcome, at, reason, detail }: StepTrace): readonly Happening[] {
  if (outcome === 'skipped' && at !== undefined) {
    const note = [reason, detail?.message].filter((part) => part !== undefined).join(': ');
    return [{ at, kind: 'skip', note }];
  }
  return attempts.flatMap(({ start, end, error }): Happening[] => [
    { at: start, kind: 'start' },
    ...(end === undefined
      ? []
      : [{ at: end, kind: 'stop' as const, ...(error && { note: error.message }) }]),
  ]);
}

function emitted(step: StepTrace): readonly Happening[] {
  const { attempts, asked, version } = step;
  const chunks = attempts.flatMap((attempt) => attempt.chunks.map(valueAt));
  const questions = asked.map(({ at }): Happening => ({ at, kind: 'value', value: '?', key: '?' }));
  return [...chunks, ...questions, ...endOf(step, attempts.at(-1), version !== undefined)];
}

/** A result that was the last chunk is not drawn twice. In a live flow, where no `|` tells when it came, it is. */
function endOf(
  { outcome, at, output, error }: StepTrace,
  attempt: AttemptTrace | undefined,
  isLive: boolean,
): readonly Happening[] {
  if (at === undefined || outcome === undefined || outcome === 'cancelled') return [];
  if (outcome === 'failure') {
    return [{ at, kind: 'error', ...(error && { note: error.message }) }];
  }
  const last = attempt?.chunks.at(-1);
  const isDrawn =
    last !== undefined && sameValue(last.value, output) && (!isLive || last.at === at);
  return [
    ...(output === undefined || isDrawn ? [] : [valueAt({ at, value: output })]),
    ...(isLive ? [] : [{ at, kind: 'complete' as const }]),
  ];
}

const valueAt = ({ at, value }: Told): Happening => ({ at, kind: 'value', value });
