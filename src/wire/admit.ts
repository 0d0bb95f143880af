/** Decides whether a step whose links have settled runs, and with what params. */
import { FlowError, messageOf, showJson } from '../errors.ts';
import { keysOf } from '../graph/binding.ts';
import { showBinding } from '../graph/condition.ts';
import type { Link } from '../graph/definition.ts';
import { stepsIn } from '../graph/key.ts';
import { put } from '../plain.ts';
import { failure, isPoison, type Outcome, skipped } from '../state/outcome.ts';
import {
  type PlanCondition,
  type PlanLink,
  type PlanNode,
  type PlanParam,
  paramOf,
  type Scope,
  successOf,
  type View,
} from './plan.ts';
import { callsIn } from './tools.ts';

/** The outcome of a step that does not run, or undefined for one that does. */
export function refusal(node: PlanNode, run: View): Outcome | undefined {
  const { gate, when } = node;
  // In most runs nothing has failed or been skipped yet, and then most nodes need no look.
  const isOpen = run.allSucceeded && node.needsSuccessOnly;
  if (isOpen && !when) return undefined;
  if (gate && run.outcomes[gate.open]?.status !== 'success') return closedGate(gate, run);
  try {
    return (
      (isOpen ? undefined : refusedByLinks(node, run)) ??
      (when && !when.test(run) ? conditionFalse(when, run) : undefined)
    );
  } catch (cause) {
    return failure(
      new FlowError(
        'step-failed',
        `The condition of step "${run.at(node.path)}" threw: ${messageOf(cause)}. It must answer true or false for every value.`,
        { path: run.at(node.path), cause },
      ),
    );
  }
}

function closedGate(gate: Scope, run: View): Outcome {
  const opened = run.outcomes[gate.open] as Outcome;
  return skipped(isPoison(opened) ? 'upstream-failed' : 'upstream-skipped', () => ({
    message: `the flow "${run.at(gate.path)}" it belongs to ${isPoison(opened) ? 'failed before it began' : 'was skipped'}`,
    source: gate.path,
  }));
}

function refusedByLinks(node: PlanNode, run: View): Outcome | undefined {
  const { join = 'any' } = node.settings;
  if (join === 'settled') return refusedTool(node, run);
  let active = 0;
  let counted = 0;
  let refused: PlanLink | undefined;
  for (const link of node.links) {
    const outcome = run.outcomes[link.source];
    const { on, stream, counts, optional } = link.link;
    if (optional) continue;
    if (
      on === 'success' &&
      outcome &&
      isPoison(outcome) &&
      !(stream && run.hasStarted(link.start))
    ) {
      const source = pathIn(node, link.link.from);
      return skipped('upstream-failed', () => ({
        message: `"${run.at(source)}" ${outcome.status === 'failure' ? 'failed' : 'was skipped because of a failure'}`,
        source,
      }));
    }
    if (!counts) continue;
    counted++;
    if (isActive(link, outcome, run)) active++;
    else refused ??= link;
  }
  if (!refused || (join === 'any' && active > 0) || counted === 0) return refusedTool(node, run);
  return inactive(node, refused, run);
}

/** A tool runs when it has been called, whatever its other links say. */
function refusedTool(node: PlanNode, run: View): Outcome | undefined {
  const calls = node.links.filter(({ link }) => link.isTool);
  const [first] = calls;
  const isCalled = calls.some((link) => isActive(link, run.outcomes[link.source], run));
  return first && !isCalled ? inactive(node, first, run) : undefined;
}

function isActive(
  { link, start, when }: PlanLink,
  outcome: Outcome | undefined,
  run: View,
): boolean {
  if (!outcome) return link.stream && run.hasStarted(start);
  if (link.stream && run.hasStarted(start)) return true;
  return isFor(link, outcome) && !isUncalled(link, outcome) && (!when || when.test(run));
}

const isFor = ({ on }: Link, { status }: Outcome): boolean =>
  status === 'success' ? on !== 'failure' : status === 'failure' && on !== 'success';

const isUncalled = ({ isTool, to }: Link, outcome: Outcome): boolean =>
  isTool === true && callsIn(successOf(outcome), to).length === 0;

function inactive(node: PlanNode, { link, source, when }: PlanLink, run: View): Outcome {
  const path = pathIn(node, link.from);
  const outcome = run.outcomes[source] as Outcome;
  const { status } = outcome;
  if (status === 'success' && isUncalled(link, outcome)) {
    return skipped('tool-not-called', () => ({
      message: `"${run.at(path)}" did not call it`,
      source: path,
      link: link.id,
    }));
  }
  if (when && isFor(link, outcome)) return conditionFalse(when, run, link.id);
  return skipped('upstream-skipped', () => ({
    message: `"${run.at(path)}" ${status === 'skipped' ? 'was skipped' : `ended in ${status}, and the link "${link.id}" is for its ${link.on}`}`,
    source: path,
  }));
}

function conditionFalse(when: PlanCondition, run: View, link?: string): Outcome {
  const values = when.values(run);
  return skipped('condition-false', () => {
    const read = Object.entries(values).map(([key, value]) => `${key} was ${shown(value)}`);
    return {
      message: `the condition ${link ? `of the link "${link}", ` : ''}"${when.text}"${link ? ',' : ''} was false: ${read.join(', ')}`,
      values,
      ...(link !== undefined && { link }),
    };
  });
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = showJson(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Fills in the params of a step; or says why one that it needs has no value. */
export function fillParams(
  node: PlanNode,
  run: View,
  params: Record<string, unknown>,
): Outcome | undefined {
  for (let param = node.firstParam; param; param = param.next) {
    let value: unknown;
    try {
      value = paramOf(param, run);
    } catch (cause) {
      return unfit(node, param, run, cause);
    }
    if (value !== undefined) put(params, param.name, value);
    else if (param.required) return missing(node, param, run);
  }
  return undefined;
}

/** A value that cannot be read, such as a text of an object with a cycle. */
const unfit = (node: PlanNode, { name, binding }: PlanParam, run: View, cause: unknown): Outcome =>
  failure(
    new FlowError(
      'step-failed',
      `The param "${name}" of step "${run.at(node.path)}" cannot be made of ${showBinding(binding)}: ${messageOf(cause)}`,
      { path: run.at(node.path), cause },
    ),
  );

function missing(node: PlanNode, { name, binding }: PlanParam, run: View): Outcome {
  const source = stepsIn(keysOf(binding)).find(
    (step) => outcomeOf(node, step, run)?.status !== 'success',
  );
  return skipped('missing-input', () => ({
    message: `its param "${name}" has no value: ${showBinding(binding)} is missing`,
    param: name,
    ...(source !== undefined && { source: pathIn(node, source) }),
  }));
}

const scopeOf = (node: PlanNode): Scope => node.gate ?? node.scope;

const outcomeOf = (node: PlanNode, id: string, run: View): Outcome | undefined => {
  const source = scopeOf(node).nodes.get(id);
  return source && run.outcomes[source.outcome];
};

const pathIn = (node: PlanNode, id: string): string => {
  const { path } = scopeOf(node);
  return path === '' ? id : `${path}.${id}`;
};
