/** The face of `millrace/llm`. Adapters have addresses of their own: `./ai-sdk`, `./openai-compatible`. */
export { type Answer, Assembly, assemble } from './assemble.ts';
export { type MessageInput, toMessages } from './foreign-message.ts';
export type { Json, JsonObject, JsonSchema } from './json.ts';
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
export { type ModelMaker, modelRegistry } from './registry.ts';
export { messageWindow, pairCalls } from './window.ts';
