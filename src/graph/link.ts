/** Links as they are stated: which can be, and what two statements of the same link come to. */
import { FlowError } from '../errors.ts';
import { equal, own, present } from '../plain.ts';
import { linkId, type StatedLink, type StepShape } from './definition.ts';

/** Two statements of one link as one. Throws a FlowError (`invalid-link`) where they contradict each other. */
export function mergeLink(old: StatedLink | undefined, link: StatedLink): StatedLink {
  if (!old) return link;
  const said = present(link);
  for (const [name, value] of Object.entries(said)) {
    const before = own(old, name);
    if (before !== undefined && !equal(before, value)) {
      throw new FlowError(
        'invalid-link',
        `The link "${linkId(link.from, link.to)}" is there with another "${name}". Remove it first, or say the same.`,
      );
    }
  }
  return { ...old, ...said };
}

/** Why a tool link or a tool-result link cannot be; undefined where it can, or where a step is not known yet. */
export function refusedLink(
  link: StatedLink,
  from: StepShape | undefined,
  to: StepShape | undefined,
): string | undefined {
  const id = linkId(link.from, link.to);
  if (link.isTool && link.isToolResult)
    return `The link "${id}" cannot be a tool link and a tool-result link at once.`;
  if (link.isTool && from && !from.isLlm)
    return `The tool link "${id}" starts at "${link.from}", which is no LLM step. It goes from an LLM step to its tool.`;
  if (link.isToolResult && to && !to.isLlm)
    return `The tool-result link "${id}" ends at "${link.to}", which is no LLM step. It goes from a tool to the LLM step that reads its result.`;
  return undefined;
}
