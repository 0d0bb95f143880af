/** The state of the page, and what can happen to it. */
import { createSlice, type PayloadAction } from '@reduxjs/toolkit';
import type { FlowEvent } from 'millrace';

interface Search {
  readonly text: string;
  readonly words: readonly string[];
  readonly steps: readonly string[];
  readonly error?: string;
}

const initialState: Search = { text: '', words: [], steps: [] };

export const { actions, reducer } = createSlice({
  name: 'search',
  initialState,
  reducers: {
    typed: (state, { payload: text }: PayloadAction<string>) => ({ ...state, text }),
    found: (state, { payload: words }: PayloadAction<readonly string[]>) => ({ ...state, words }),
    pressed: (_, { payload: text }: PayloadAction<string>) => ({ ...initialState, text }),
    failed: (state, { payload: error }: PayloadAction<string>) => ({ ...state, error }),
    // Events are plain data: they travel as actions, and the tools of Redux show every step.
    told: (state, { payload: event }: PayloadAction<FlowEvent>) => {
      switch (event.type) {
        case 'STEP_START':
          return { ...state, steps: [...state.steps, event.path] };
        case 'FLOW_OUTPUT':
          return { ...state, words: (event.output as Pick<Search, 'words'>).words };
        default:
          return state;
      }
    },
  },
});

export type State = Search;
export type Action = ReturnType<(typeof actions)[keyof typeof actions]>;
