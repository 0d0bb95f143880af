/** A picture with places. */
import type { Picture, PictureEdge, PictureNode } from '../index.ts';

export type Direction = 'TD' | 'LR';

/** How far the sides of a hexagon lean. */
export const slant = 12;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Text {
  readonly labels: readonly string[];
  readonly notes: readonly string[];
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** `x` and `y` are its middle. */
export interface Box extends Point, Size, Text {}

export interface Layout extends Size {
  readonly nodes: readonly NodeBox[];
  /** Each after the one around it. */
  readonly clusters: readonly (Box & { readonly cluster: Picture })[];
  readonly edges: readonly EdgeBox[];
}

export interface NodeBox extends Box {
  readonly node: PictureNode;
}

/** The box is that of its label. */
export interface EdgeBox extends Box {
  readonly edge: PictureEdge;
  readonly points: readonly Point[];
  /** It belongs to a cluster. */
  readonly isInside: boolean;
}
