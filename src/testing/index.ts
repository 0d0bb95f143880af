/** What `millrace/testing` offers. */
export { type Block, keysOf, parseBlock, type RenderOptions, renderBlock } from './block.ts';
export { difference } from './difference.ts';
export { never, real } from './in-handler.ts';
export { Legend } from './legend.ts';
export { parseRow, renderRow } from './marbles.ts';
export type { Mark, Row } from './mark.ts';
export type { VirtualOptions } from './realm.ts';
export { marblesToSvg, type SvgOptions } from './svg.ts';
export { type VirtualTime, virtual } from './virtual.ts';
