/** Steps that can be seen never to run, before anything does. */
import { type Condition, conditionKeys, partsOf, showCondition, tester } from './condition.ts';
import type { Link, StepEntry } from './definition.ts';

/** What keeps a step from ever running, in words; undefined where nothing does. */
export function shutBy(entry: StepEntry, links: readonly Link[]): string | undefined {
  const { when } = entry.settings;
  if (when && neverHolds(when)) return `its condition "${showCondition(when)}"`;
  const link = linkThatShuts(links, entry);
  return link?.when && `the condition "${showCondition(link.when)}" of the link "${link.id}"`;
}

function linkThatShuts(links: readonly Link[], { settings }: StepEntry): Link | undefined {
  const { join = 'any' } = settings;
  const counted = links.filter((link) => link.counts);
  const shut = counted.filter(({ when }) => when && neverHolds(when));
  const isShut = join === 'all' ? shut.length > 0 : shut.length === counted.length;
  return join !== 'settled' && isShut ? shut[0] : undefined;
}

function neverHolds(condition: Condition): boolean {
  if (hasCode(condition) || conditionKeys(condition).length > 0) return false;
  return !tester(condition, () => () => undefined)(undefined);
}

const hasCode = (condition: Condition): boolean =>
  condition.op === 'predicate' || partsOf(condition).some(hasCode);
