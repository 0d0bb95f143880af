/** A full-text index with the ranking of BM25 (Robertson and Walker, 1994). */

export interface Document {
  readonly name: string;
  readonly text: string;
}

const ending = /(?:ing|ed|es|s|e)$/;
const termsOf = (text: string): readonly string[] =>
  (text.toLowerCase().match(/\p{L}{3,}/gu) ?? []).map((word) =>
    word.length > 4 ? word.replace(ending, '') : word,
  );

export class Index {
  private readonly documents: readonly Document[];
  private readonly lengths: readonly number[];
  /** For each term, how often it stands in which document. */
  private readonly postings = new Map<string, Map<number, number>>();

  constructor(documents: readonly Document[]) {
    this.documents = documents;
    this.lengths = documents.map(({ text }, i) => {
      const terms = termsOf(text);
      for (const term of terms) {
        const posting = this.postings.get(term) ?? new Map<number, number>();
        posting.set(i, (posting.get(i) ?? 0) + 1);
        this.postings.set(term, posting);
      }
      return terms.length;
    });
  }

  /** The documents that fit best, the best one first; those without a common word left out. */
  search(query: string, count: number): readonly Document[] {
    const { documents, lengths } = this;
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    const scores = new Map<number, number>();
    for (const term of new Set(termsOf(query))) {
      const posting = this.postings.get(term) ?? new Map<number, number>();
      const rarity = Math.log(1 + (documents.length - posting.size + 0.5) / (posting.size + 0.5));
      for (const [i, times] of posting) {
        const dampened = (times * 2.2) / (times + 1.2 * (0.25 + (0.75 * (lengths[i] ?? 0)) / mean));
        scores.set(i, (scores.get(i) ?? 0) + rarity * dampened);
      }
    }
    const best = [...scores].sort(([, a], [, b]) => b - a).slice(0, count);
    return best.map(([i]) => documents[i] as Document);
  }
}
