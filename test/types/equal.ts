/** How the files in this folder say what a type is. The compilers check them; nothing runs them. */
import type { CompiledFlow, RefOf, StepNode } from 'millrace';

/** Whether two types are the same, and not merely assignable to each other. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles where the two types are the same. */
export declare function same<A, B>(..._: Equal<A, B> extends true ? [] : [never]): void;

export type ValueOf<R> = R extends RefOf<infer T> ? T : never;
export type ResultOf<Node> = Node extends StepNode<infer Result, unknown> ? Result : never;
export type ChunkOf<Node> = Node extends StepNode<unknown, infer Chunk> ? Chunk : never;
export type InputOf<F> = F extends CompiledFlow<infer Input, unknown> ? Input : never;
export type OutputOf<F> = F extends CompiledFlow<never, infer Output> ? Output : never;
