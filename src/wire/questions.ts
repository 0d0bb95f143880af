/** The questions that a run waits for answers to, by the path of the step that asked. */
import { FlowError, type Issue, listed, suggestion } from '../errors.ts';
import { type Schema, validate, violation } from '../graph/schema.ts';
import { freeze } from '../plain.ts';

export interface Question {
  /** What is asked, as plain data. */
  readonly question: unknown;
  /** What an answer must satisfy. */
  readonly answer: Schema;
  /** Tells that it is asked, perhaps again. */
  tell(): void;
  give(answer: unknown): void;
  /** How many answers its schema is at. */
  checking?: number;
}

const none: readonly Question[] = [];

export class Questions {
  /** By path: in a live flow several versions may ask at one, the newest last. */
  readonly open = new Map<string, readonly Question[]>();
  private readonly answered = new Set<string>();
  /** Answers that came before their question was asked again, in a run that goes on. */
  readonly given: Map<string, unknown>;
  /** Why such an answer was not taken. */
  refused: FlowError | undefined;

  constructor(given: Readonly<Record<string, unknown>> = {}) {
    this.given = new Map(Object.entries(given));
  }

  get all(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      [...this.open].map(([path, questions]) => [path, questions.at(-1)?.question]),
    );
  }

  at(path: string): readonly Question[] {
    return this.open.get(path) ?? none;
  }

  close(path: string, question: Question): void {
    const others = this.at(path).filter((each) => each !== question);
    if (others.length > 0) this.open.set(path, others);
    else this.open.delete(path);
  }

  /**
   * Answers a question; of several at one path, the newest. At once where its schema is synchronous. Rejects with a FlowError (`invalid-answer`) where nothing is asked at
   * the path, or where the schema refuses the answer: then the question stays open.
   */
  async answer(path: string, answer: unknown): Promise<void> {
    const question = this.at(path).at(-1);
    if (!question) throw this.refuse(path);
    const refuse = (issues: readonly Issue[]) =>
      violation(
        'invalid-answer',
        `The answer to "${path}" is not valid. The question stays open`,
        issues,
        path,
      );
    const { checking = 0 } = question;
    question.checking = checking + 1;
    let value: unknown;
    try {
      const checked = validate(question.answer, answer, refuse);
      value = checked instanceof Promise ? await checked : checked;
    } finally {
      question.checking--;
    }
    if (!this.at(path).includes(question)) throw this.refuse(path);
    this.close(path, question);
    this.given.delete(path);
    this.answered.add(path);
    question.give(freeze(value));
  }

  /** Whether the step at a path does nothing but wait for an answer; undefined where it has asked nothing. */
  isWaiting(path: string): boolean | undefined {
    const question = this.open.get(path)?.at(-1);
    return question && !question.checking && !this.given.has(path);
  }

  private refuse(path: string): FlowError {
    return notOpen(path, this.answered.has(path), [...this.open.keys()]);
  }
}

export const notOpen = (path: string, isAnswered: boolean, open: readonly string[]): FlowError =>
  new FlowError(
    'invalid-answer',
    `"${path}" ${isAnswered ? 'has been answered already.' : `is not an open question.${suggestion(path, open)}`} Open are: ${listed(open)}.`,
    { path },
  );

/** Opens a question, and asks it; gives back what closes it. Where an answer was given before, it asks only when that is refused. */
export function ask(questions: Questions, path: string, question: Question): () => void {
  const { open, given } = questions;
  open.set(path, [...questions.at(path), question]);
  if (given.has(path))
    questions.answer(path, given.get(path)).catch((error) => {
      // A step that was stopped in the meantime, to be tried again, asks again, and is answered so then.
      if (!questions.at(path).includes(question)) return;
      given.delete(path);
      questions.refused = error;
      question.tell();
    });
  else question.tell();
  return () => questions.close(path, question);
}
