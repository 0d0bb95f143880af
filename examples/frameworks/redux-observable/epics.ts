/** Two ways from actions through a flow to actions: as an operator, and by its events. */
import { combineEpics, type Epic } from 'redux-observable';
import { catchError, debounceTime, filter, map, of, startWith, switchMap } from 'rxjs';
import type { SearchFlow } from './flow.ts';
import { type Action, actions, type State } from './slice.ts';

type SearchEpic = Epic<Action, Action, State, { search: SearchFlow }>;

/** While typing: an input in, an output out, and what is stale is cancelled. A run that fails is told, and typing goes on. */
const typing: SearchEpic = (action$, _state$, { search }) =>
  action$.pipe(
    filter(actions.typed.match),
    debounceTime(10),
    map(({ payload: text }) => ({ text })),
    search.operator({ flatten: 'switch' }),
    map(({ words }) => actions.found(words)),
    catchError((error: Error, again$) => again$.pipe(startWith(actions.failed(error.message)))),
  );

/** After a press: every event is an action. Caught inside: a run that fails must not end the epic. */
const pressing: SearchEpic = (action$, _state$, { search }) =>
  action$.pipe(
    filter(actions.pressed.match),
    switchMap(({ payload: text }) =>
      search.run({ text }).pipe(
        map((event) => actions.told(event)),
        catchError((error: Error) => of(actions.failed(error.message))),
      ),
    ),
  );

export const rootEpic = combineEpics(typing, pressing);
