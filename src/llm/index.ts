/** The face of `millrace/llm`. Adapters have addresses of their own: `./ai-sdk`, `./openai-compatible`. */
export { type AgentOptions, agent } from './agent.ts';
export type { Approval } from './answer-calls.ts';
export { type Answer, Assembly, assemble } from './assemble.ts';
export { type MessageInput, toMessages } from './foreign-message.ts';
export type { Json, JsonObject, JsonSchema } from './json.ts';
export { type LlmChunk, type LlmOptions, llm, type ObjectOf } from './llm.ts';
export type { McpClient } from './mcp.ts';
export {
  type FilePart,
  type FileSource,
  type Message,
  mergeMetadata,
  message,
  messageText,
  messageVersion,
  type Part,
  type ProviderMetadata,
  type ReasoningPart,
  type Role,
  type TextPart,
  type ToolCallPart,
  type ToolResultPart,
  toolCalls,
} from './message.ts';
export {
  addUsage,
  type ChatCall,
  type ChatChunk,
  type ChatModel,
  type ChatTool,
  type FinishChunk,
  type FinishReason,
  type FunctionTool,
  noUsage,
  type ProviderTool,
  type ResponseFormat,
  type SourceChunk,
  type ToolCallChunk,
  type ToolChoice,
  type ToolResultChunk,
  type Usage,
} from './model.ts';
export type { LlmParams } from './params.ts';
export { type ModelMaker, modelRegistry } from './registry.ts';
export {
  type AiSdkTool,
  type DescribedTool,
  type Tool,
  type ToolLike,
  type ToolOptions,
  type ToolSet,
  type Tools,
  tool,
} from './tool.ts';
export type { LlmResult } from './turn.ts';
export { messageWindow, pairCalls } from './window.ts';
