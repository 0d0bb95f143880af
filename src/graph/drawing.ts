/** placeholder replaced below */
import type { FlowDefinition } from './definition.ts';
export interface MermaidOptions {
  readonly direction?: 'TD' | 'LR';
}
export const toMermaid = (_: FlowDefinition, __?: MermaidOptions): string => '';
export const toDot = (_: FlowDefinition): string => '';
