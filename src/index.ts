/** The face: everything that `import … from 'millrace'` offers. Nothing is defined here. */

export { CompiledFlow, type OperatorOptions } from './compiled-flow.ts';
export {
  type ErrorCode,
  type ErrorJson,
  errorJson,
  FlowError,
  type FlowErrorOptions,
  type Issue,
  showValue,
} from './errors.ts';
export { Flow, type StepOptions } from './flow.ts';

export type { Binding } from './graph/binding.ts';
export {
  and,
  type Comparison,
  type Condition,
  eq,
  exists,
  gt,
  gte,
  isIn,
  lt,
  lte,
  matches,
  ne,
  not,
  type Operand,
  or,
  type Predicate,
  predicate,
  showBinding,
  showCondition,
} from './graph/condition.ts';
export type {
  Cache,
  FlowDefinition,
  FlowOptions,
  JoinPolicy,
  Json,
  Link,
  LinkOptions,
  Policy,
  Retry,
  StepEntry,
  StepSettings,
  StepShape,
  Timeout,
} from './graph/definition.ts';
export type { MermaidOptions } from './graph/drawing.ts';
export type { Registry } from './graph/from-json.ts';
export type { FlowJson, StepJson } from './graph/json.ts';
export { schemaFromJson } from './graph/json-schema.ts';
export { type Picture, type PictureEdge, type PictureNode, pictureOf } from './graph/picture.ts';
export { orElse, type Ref, type RefOf, required, text } from './graph/ref.ts';
export {
  type InferInput,
  type InferOutput,
  type JsonSchema,
  jsonSchemaOf,
  type Schema,
  validate,
} from './graph/schema.ts';
export { freeze } from './plain.ts';
export { type RunAround, runAround } from './run/around.ts';
export { runBelow as runStep } from './run/below.ts';
export type { ForkOptions } from './run/fork.ts';
export type { MemoryList } from './run/lists.ts';
export type { LiveInputs } from './run/live/inputs.ts';
export { Live } from './run/live/live.ts';
export type { LiveOptions } from './run/live/options.ts';
export { MemorySaver, runExists, staleRun } from './run/memory-saver.ts';
export type { RunOptions } from './run/options.ts';
export type { ResumeOptions } from './run/prepare.ts';
export { toReadableStream } from './run/readable.ts';
export { listOf } from './run/remembered.ts';
export { checkedLimit, checkedRetention, endedStatuses, expiredRuns } from './run/retention.ts';
export { Run } from './run/run.ts';
export {
  type Claim,
  claimedSnapshot,
  type Durability,
  type Retention,
  type RunQuery,
  type RunSummary,
  type Saver,
  summaryOf,
} from './run/saver.ts';
export type { Completed } from './run/start.ts';
export { together } from './run/together.ts';
export { applyPatches, type Commit, commitOf, type Patch } from './state/commit.ts';
export { type Change, type FlowEvent, isFinal, type Usage } from './state/event.ts';
export { explain } from './state/explain.ts';
export type { Additions, Outcome, Skip, SkipDetail, SkipReason } from './state/outcome.ts';
export { reduce } from './state/reduce.ts';
export {
  emptySnapshot,
  type RunStatus,
  revive,
  type Snapshot,
  type StepState,
  type StepStatus,
  stepState,
} from './state/snapshot.ts';
export { type EachOptions, each } from './steps/each.ts';
export { type QuestionDescription, question } from './steps/question.ts';
export { type RepeatOptions, repeat } from './steps/repeat.ts';
export type { Arg, Params, Resolved, StepNode } from './wire/arguments.ts';
export { Adds, Aside, Result as StepResult, Through } from './wire/aside.ts';
export { isRestart, type Restart, restart } from './wire/channel.ts';
export { type Clock, schedulerClock } from './wire/clock.ts';
export { fromSubscribable } from './wire/consume.ts';
export type { Offer } from './wire/plan.ts';
export {
  type ChunkOf,
  type Code,
  type CodeParams,
  type CodeResult,
  defineOperator,
  defineStep,
  type Handler,
  type Logger,
  type Reduce,
  type Returned,
  type Settled,
  type Step,
  type StepContext,
} from './wire/step.ts';
export type { StepInfo } from './wire/step-info.ts';
export type { ToolCall, ToolResult } from './wire/tools.ts';
export type { ChangeStep } from './wire/with-steps.ts';
