/** A new run that takes over what another one had done up to a point, with some of it edited. */
import { concatMap, reduce as fold, from, map, type Observable, takeWhile } from 'rxjs';
import { FlowError, showValue, suggestion } from '../errors.ts';
import { parseKey } from '../graph/key.ts';
import { copyPlain, equal, freeze, isPlain, own, present, put } from '../plain.ts';
import type { Change } from '../state/event.ts';
import { emptySnapshot, revive, type Snapshot, type StepState } from '../state/snapshot.ts';
import type { Recorded } from '../wire/host.ts';
import { ownerOf, type Plan, type PlanNode } from '../wire/plan.ts';
import { keysRead } from '../wire/read.ts';
import { asItStood } from './lists.ts';
import { type RunOptions, withId } from './options.ts';
import {
  claimed,
  gateOf,
  type Prepared,
  type RunnableFlow,
  saverOf,
  stored,
  wasChecked,
} from './prepare.ts';
import { outcomeOf } from './recorded.ts';
import type { Saver } from './saver.ts';

export interface ForkOptions extends RunOptions {
  /** The event after which the new run parts from the old one. By default the last. */
  readonly at?: number;
  /** Other results of steps (`step.return`, also a part of one: `step.return.title`), and another `input`. */
  readonly edit?: Readonly<Record<string, unknown>>;
}

export function forkedRun(
  flow: RunnableFlow,
  runId: string,
  options: ForkOptions,
): Observable<Prepared> {
  const { at, edit = {}, ...others } = options;
  const saver = saverOf(flow, others, 'fork');
  return stateAt(saver, runId, at).pipe(
    concatMap((before) => {
      const placed = withId(others);
      const empty = emptySnapshot(placed.id, flow.identity(true));
      const { recorded, retold } = takenOver(flow.plan, before, edit);
      const prepared = (begun: Snapshot): Prepared => ({
        input: { input: before.input, ...edit }.input,
        snapshot: empty,
        options: placed,
        setup: (tell) => ({
          isChecked: !('input' in edit) && wasChecked(before),
          forkOf: { runId, seq: before.seq },
          memory: asItStood(before.data, runId),
          recorded: (path) => recorded.get(path),
          retold,
          gate: gateOf(placed, begun, tell, { together: retold.size }),
        }),
      });
      return claimed(saver, empty, placed).pipe(map(prepared));
    }),
  );
}

/** The state after an event that was stored. */
function stateAt(saver: Saver, runId: string, at: number | undefined): Observable<Snapshot> {
  const last$ = stored(saver, runId, 'fork');
  if (at === undefined) return last$;
  return last$.pipe(
    concatMap((last) => {
      if (!(Number.isInteger(at) && at >= 0 && at <= last.seq)) {
        throw new FlowError(
          'invalid-option',
          `The run "${runId}" has the events 0 to ${last.seq}; it cannot be forked at ${showValue(at)}.`,
        );
      }
      return from(saver.history(runId)).pipe(
        takeWhile((commit) => commit.seq <= at),
        fold((_, { snapshot }) => revive(freeze(snapshot)), last),
      );
    }),
  );
}

/** What the new run takes over: steps that no edit reaches, and edited ones; and what it tells of those that had ended. */
function takenOver(
  plan: Plan,
  before: Snapshot,
  edit: Readonly<Record<string, unknown>>,
): {
  readonly recorded: ReadonlyMap<string, Recorded>;
  readonly retold: ReadonlyMap<string, Change>;
} {
  const edited = editedSteps(plan, before, edit);
  const affected = reachedBy(
    plan,
    new Set([...edited.keys()].map((path) => (plan.byPath.get(path) as PlanNode).index)),
    changedInputs(before, edit),
  );
  const steps = new Map(Object.entries(before.steps));
  for (const [path, output] of edited) {
    const step = { attempts: 0, ...steps.get(path), error: undefined, reason: undefined };
    steps.set(path, { ...step, status: 'success', output } as StepState);
  }
  const recorded = new Map<string, Recorded>();
  const retold = new Map<string, Change>();
  for (const [path, step] of steps) {
    const node = ownerOf(plan, path);
    const { status, input, reason, detail, output, error, attempts, usage, adds } = step;
    // What was not needed before is decided anew.
    if (!node || affected.has(node.index) || reason === 'not-needed') continue;
    const outcome = outcomeOf(step, before);
    recorded.set(path, { input, outcome });
    // What failed below a step may be part of its success.
    if (!outcome && (node.path === path || !(status === 'failure' || reason))) continue;
    const { t0 = before.t0 ?? 0, t1 = t0 } = step;
    const change = reason
      ? { type: 'STEP_SKIP', reason, detail }
      : { type: 'STEP_OUTPUT', input, output, error, t0, t1, attempts, usage, adds };
    retold.set(path, present(change as Change));
  }
  return { recorded, retold };
}

function editedSteps(
  plan: Plan,
  before: Snapshot,
  edit: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, unknown> {
  const edited = new Map<string, unknown>();
  for (const [key, value] of Object.entries(edit)) {
    if (key === 'input') continue;
    const end = key.indexOf('.return');
    const path = end < 0 ? key : key.slice(0, end);
    if (end < 0 || !plan.byPath.has(path)) {
      const keys = ['input', ...[...plan.byPath.keys()].map((step) => `${step}.return`)];
      throw new FlowError(
        'invalid-option',
        `"${key}" cannot be edited.${suggestion(key, keys)} Write "step.return" with the path of a step, or "input".`,
      );
    }
    const rest = parseKey(`x${key.slice(end)}`).path;
    const known = edited.get(path) ?? before.steps[path]?.output;
    edited.set(path, freeze(withPart(copyPlain(known), rest, copyPlain(value))));
  }
  return edited;
}

function withPart(whole: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (!isPlain(whole))
    throw new FlowError(
      'invalid-option',
      `The part "${path.join('.')}" cannot be edited: there is ${showValue(whole)}, which has no parts.`,
    );
  const record = whole as Record<string, unknown>;
  put(record, name as string, withPart(own(record, name), rest, value));
  return whole;
}

function changedInputs(
  { input }: Snapshot,
  edit: Readonly<Record<string, unknown>>,
): ReadonlySet<string> {
  const [old, now] = [input, { input, ...edit }.input].map((each) =>
    isPlain(each) ? each : { whole: each },
  ) as [Record<string, unknown>, Record<string, unknown>];
  return new Set(
    [...Object.keys(old), ...Object.keys(now)].filter((name) => !equal(old[name], now[name])),
  );
}

/** The nodes that depend on edited steps or inputs, directly or not. */
function reachedBy(
  plan: Plan,
  edited: ReadonlySet<number>,
  inputs: ReadonlySet<string>,
): ReadonlySet<number> {
  const reached = new Set<number>();
  const has = (index: number) => reached.has(index) || edited.has(index);
  for (const node of plan.nodes) {
    if (edited.has(node.index) || node === plan.nodes[0]) continue;
    const scope = node.kind === 'close' ? node.scope : (node.gate ?? node.scope);
    const isReached =
      (node.kind !== 'close' &&
        node.links.some(({ source, start }) => has(source) || has(start))) ||
      keysRead(node).some((text) => {
        const key = parseKey(text);
        if (key.of !== 'input')
          return has((scope.nodes.get(key.step) as { outcome: number }).outcome);
        return has(scope.open) || (scope.parent === undefined && isChanged(inputs, key.path[0]));
      });
    if (isReached) reached.add(node.index);
  }
  return reached;
}

const isChanged = (inputs: ReadonlySet<string>, name: string | number | undefined): boolean =>
  name === undefined ? inputs.size > 0 : inputs.has(String(name));
