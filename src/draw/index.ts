/** `millrace/draw`: a flow as a picture. */
import { type FlowDefinition, FlowError, pictureOf, showValue } from '../index.ts';
import { place } from './layout.ts';
import { draw } from './svg.ts';

export interface SvgOptions {
  /** Top down (default), or left to right. */
  readonly direction?: 'TD' | 'LR';
  /** Stands above the picture, and is what a screen reader says. By default only the latter: the id of the flow. */
  readonly title?: string;
}

/**
 * The flow as an SVG that stands alone or inside a page, in light and dark: every step, every link, its input and outputs, subflows as boxes
 * around their steps. Each step carries its path in `data-step`, each link its own in `data-link`. What is too long for its box is told whole
 * to who points at it.
 *
 * @example
 * writeFileSync('digest.svg', toSvg(digest, { title: 'How a digest is made' }))
 */
export function toSvg(
  flow: { readonly definition: FlowDefinition },
  { direction = 'TD', title }: SvgOptions = {},
): string {
  if (direction !== 'TD' && direction !== 'LR')
    throw new FlowError(
      'invalid-option',
      `The option "direction" of toSvg() is ${showValue(direction)}. It takes "TD", "LR".`,
    );
  const picture = pictureOf(flow);
  return draw(picture, place(picture, direction), direction, title);
}
