import { configureStore } from '@reduxjs/toolkit';
import { createEpicMiddleware } from 'redux-observable';
import { rootEpic } from './epics.ts';
import type { SearchFlow } from './flow.ts';
import { type Action, reducer, type State } from './slice.ts';

export function makeStore(search: SearchFlow) {
  const epics = createEpicMiddleware<Action, Action, State, { search: SearchFlow }>({
    dependencies: { search },
  });
  const store = configureStore({
    reducer,
    middleware: (defaults) => defaults().concat(epics),
  });
  epics.run(rootEpic);
  return store;
}
