/** Which words a document is about: those that are frequent in it and rare in the others (tf-idf). */
import type { Parsed } from './markdown.ts';

export interface Term {
  readonly term: string;
  readonly score: number;
}

/** A document, and the weight of each of its terms among all documents. */
export interface Weighted extends Parsed {
  readonly weights: Readonly<Record<string, number>>;
}

export interface Corpus {
  readonly documents: readonly Weighted[];
  /** How many different terms there are. */
  readonly size: number;
  /** The terms of the whole, by the sum of their scores. */
  readonly top: readonly Term[];
}

export function weigh(documents: readonly Parsed[], howMany = 12): Corpus {
  const counts = documents.map(({ sentences }) => count(sentences.flatMap(({ terms }) => terms)));
  const documentsWith = count(counts.flatMap((each) => [...each.keys()]));
  const total = new Map<string, number>();
  const weighted = documents.map((document, i) => {
    const own = counts[i] ?? new Map<string, number>();
    const weights = [...own.keys()].map((term) => {
      const weight = idf(documents.length, documentsWith.get(term) ?? 0);
      total.set(term, (total.get(term) ?? 0) + (own.get(term) ?? 0) * weight);
      return [term, weight] as const;
    });
    return { ...document, weights: Object.fromEntries(weights) };
  });
  return { documents: weighted, size: documentsWith.size, top: best(total, howMany) };
}

/** The terms of one document, best first. */
export function rankTerms({ sentences, weights }: Weighted, howMany = 6): readonly Term[] {
  const scores = count(sentences.flatMap(({ terms }) => terms));
  for (const [term, times] of scores) scores.set(term, times * weightOf(weights, term));
  return best(scores, howMany);
}

/** Smoothed, so that a term of every document still counts, and a single document can be ranked, too. */
export const idf = (documents: number, withTerm: number): number =>
  Math.log((1 + documents) / (1 + withTerm)) + 1;

/** Words come from the input: only own properties count, or "constructor" would have a weight. */
export const weightOf = (weights: Readonly<Record<string, number>>, term: string): number =>
  Object.hasOwn(weights, term) ? (weights[term] ?? 0) : 0;

function count(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

const best = (scores: ReadonlyMap<string, number>, howMany: number): readonly Term[] =>
  [...scores]
    .sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || (a < b ? -1 : 1))
    .slice(0, howMany)
    .map(([term, score]) => ({ term, score: Math.round(score * 10) / 10 }));
