/** The models under test: every provider package in every generation, and our own adapter. */
import { createAnthropic as anthropic4 } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI as google4 } from '@ai-sdk/google';
import { createOpenAI as openai4 } from '@ai-sdk/openai';
import { createAnthropic as anthropic2 } from 'anthropic-v2';
import { createAnthropic as anthropic3 } from 'anthropic-v3';
import { createGoogleGenerativeAI as google2 } from 'google-v2';
import { createGoogleGenerativeAI as google3 } from 'google-v3';
import type { ChatModel } from 'millrace/llm';
import { type AiSdkModel, type AiSdkOptions, fromAiSdk } from 'millrace/llm/ai-sdk';
import { openaiCompatible } from 'millrace/llm/openai-compatible';
import { createOpenAI as openai2 } from 'openai-v2';
import { createOpenAI as openai3 } from 'openai-v3';
import type { Wire } from './wire-formats.ts';

export interface Subject {
  readonly name: string;
  readonly wire: Wire;
  /** Whether its answers have reasoning that is to go back. */
  readonly showsReasoning: boolean;
  /** The tokens of input that it reports, where they are not the 12 that the server counts. */
  readonly countsInput?: number;
  /** Makes the model, speaking to the server at this URL. */
  model(url: string): ChatModel;
}

const options: AiSdkOptions = { retry: { delay: 1 } };

function aiSdk(name: string, wire: Wire, make: (settings: Settings) => AiSdkModel): Subject {
  const version = wire === 'google' ? 'v1beta' : 'v1';
  return {
    name,
    wire,
    showsReasoning: wire !== 'chat',
    model: (url) => fromAiSdk(make({ baseURL: `${url}/${version}`, apiKey: 'key' }), options),
  };
}

interface Settings {
  readonly baseURL: string;
  readonly apiKey: string;
}

export const subjects: readonly Subject[] = [
  aiSdk('openai responses, spec v4', 'responses', (set) => openai4(set).responses('gpt-5')),
  aiSdk('openai responses, spec v3', 'responses', (set) => openai3(set).responses('gpt-5')),
  aiSdk('openai responses, spec v2', 'responses', (set) => openai2(set).responses('gpt-5')),
  aiSdk('openai chat, spec v4', 'chat', (set) => openai4(set).chat('gpt-4o')),
  aiSdk('openai chat, spec v3', 'chat', (set) => openai3(set).chat('gpt-4o')),
  aiSdk('openai chat, spec v2', 'chat', (set) => openai2(set).chat('gpt-4o')),
  aiSdk('anthropic, spec v4', 'messages', (set) => anthropic4(set)('claude-sonnet-4-5')),
  aiSdk('anthropic, spec v3', 'messages', (set) => anthropic3(set)('claude-sonnet-4-5')),
  // This generation leaves cached tokens out of its count.
  {
    ...aiSdk('anthropic, spec v2', 'messages', (set) => anthropic2(set)('claude-sonnet-4-5')),
    countsInput: 8,
  },
  aiSdk('google, spec v4', 'google', (set) => google4(set)('gemini-2.5-flash')),
  aiSdk('google, spec v3', 'google', (set) => google3(set)('gemini-2.5-flash')),
  aiSdk('google, spec v2', 'google', (set) => google2(set)('gemini-2.5-flash')),
  {
    name: 'openaiCompatible',
    wire: 'chat',
    showsReasoning: true,
    model: (url) =>
      openaiCompatible({
        baseURL: `${url}/v1`,
        apiKey: 'key',
        model: 'local',
        retry: { delay: 1 },
      }),
  },
];
