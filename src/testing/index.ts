/** What `millrace/testing` offers. */
export { type Block, keysOf, parseBlock, type RenderOptions, renderBlock } from './block.ts';
export {
  type Cassette,
  type RecordedCall,
  type RecordOptions,
  type RedactPlace,
  record,
} from './cassette.ts';
export type { Values } from './cold.ts';
export { difference } from './difference.ts';
export { checkMarbles, type MarblesOptions, marbles } from './drawn.ts';
export { FlowTrace } from './flow-trace.ts';
export { never, real } from './in-handler.ts';
export { Legend } from './legend.ts';
export { parseRow, renderRow } from './marbles.ts';
export type { Mark, Row } from './mark.ts';
export type { VirtualOptions } from './realm.ts';
export { type RecordedSteps, replay } from './replayed-step.ts';
export { type SaverContractOptions, type SaverFixture, saverContract } from './saver-contract.ts';
export {
  type Script,
  type ScriptedAnswer,
  type ScriptedChunk,
  type ScriptedModel,
  type ScriptedToken,
  type ScriptedUsage,
  scriptedModel,
} from './scripted-model.ts';
export type { AttemptTrace, StepTrace } from './step-trace.ts';
export type { Stub, Stubs } from './stub.ts';
export { stubSteps } from './stub-steps.ts';
export { marblesToSvg, type SvgOptions } from './svg.ts';
export { type TraceOptions, traceFlow, traceRun } from './trace.ts';
export { type LiveRows, type TraceLiveOptions, traceLive } from './trace-live.ts';
export type { Happening } from './trace-rows.ts';
export { type VirtualTime, virtual } from './virtual.ts';
