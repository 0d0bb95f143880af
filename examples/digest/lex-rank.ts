/**
 * Extractive summaries by LexRank (Erkan and Radev, 2004): sentences are nodes, their likeness weighs the edges, and a sentence matters
 * when sentences that matter are like it. Continuous LexRank, solved by power iteration.
 */

export interface Candidate {
  readonly text: string;
  readonly terms: readonly string[];
}

type Vector = ReadonlyMap<string, number>;

/** Sentences that are neither scraps nor monsters. */
const isCandidate = ({ terms }: Candidate): boolean => terms.length >= 4 && terms.length <= 40;

/** Ranking compares every pair. Of a very long text, so many sentences are looked at, evenly spread. */
const mostCandidates = 800;

/** From here on, two sentences say the same. */
const tooAlike = 0.7;

/** The sentences that say the most, in the order of the text; none too much like another one that was chosen. */
export function summarise(
  sentences: readonly Candidate[],
  weightOf: (term: string) => number,
  howMany: number,
): readonly string[] {
  const all = sentences.filter(isCandidate);
  const stride = Math.max(1, all.length / mostCandidates);
  const candidates = all.filter((_, i) => Math.floor(i / stride) !== Math.floor((i - 1) / stride));
  if (candidates.length <= howMany) return candidates.map(({ text }) => text);
  const vectors = candidates.map(({ terms }) => vectorOf(terms, weightOf));
  const likeness = likenessOf(vectors);
  const scores = rank(likeness);
  const byScore = scores.map((_, i) => i).sort((a, b) => at(scores, b) - at(scores, a) || a - b);
  const chosen: number[] = [];
  for (const i of byScore) {
    if (chosen.length === howMany) break;
    if (chosen.every((j) => at(at(likeness, i), j) < tooAlike)) chosen.push(i);
  }
  return chosen.sort((a, b) => a - b).map((i) => at(candidates, i).text);
}

/** A sentence as a vector of length 1: how often each term occurs, times its weight. */
function vectorOf(terms: readonly string[], weightOf: (term: string) => number): Vector {
  const vector = new Map<string, number>();
  for (const term of terms) vector.set(term, (vector.get(term) ?? 0) + weightOf(term));
  const length = Math.hypot(...vector.values());
  for (const [term, value] of vector) vector.set(term, length === 0 ? 0 : value / length);
  return vector;
}

/** The cosine of every pair. By term, so that pairs that share none cost nothing. */
export function likenessOf(vectors: readonly Vector[]): number[][] {
  const likeness = vectors.map(() => new Array<number>(vectors.length).fill(0));
  const having = new Map<string, { i: number; value: number }[]>();
  vectors.forEach((vector, i) => {
    for (const [term, value] of vector) {
      const others = having.get(term) ?? [];
      having.set(term, others);
      others.push({ i, value });
      for (const { i: j, value: other } of others) {
        const sum = at(at(likeness, i), j) + value * other;
        at(likeness, i)[j] = sum;
        at(likeness, j)[i] = sum;
      }
    }
  });
  return likeness;
}

/** How much each node matters: the stationary distribution of a walk along the edges that now and then jumps anywhere. */
export function rank(likeness: readonly (readonly number[])[], damping = 0.85): number[] {
  const n = likeness.length;
  // Nobody votes for themselves: a sentence that is like no other one would come out well.
  const out = likeness.map((row, i) => row.reduce((sum, value) => sum + value, -at(row, i)));
  let scores = new Array<number>(n).fill(1 / n);
  for (let round = 0; round < 100; round++) {
    const next = new Array<number>(n).fill((1 - damping) / n);
    for (let i = 0; i < n; i++) {
      const row = at(likeness, i);
      const isAlone = at(out, i) < 1e-9;
      const given = damping * at(scores, i);
      // A node without edges jumps anywhere, so that nothing gets lost.
      for (let j = 0; j < n; j++) {
        if (isAlone) next[j] = at(next, j) + given / n;
        else if (j !== i) next[j] = at(next, j) + (given * at(row, j)) / at(out, i);
      }
    }
    const change = next.reduce((sum, score, i) => sum + Math.abs(score - at(scores, i)), 0);
    scores = next;
    if (change < 1e-9) break;
  }
  return scores;
}

/** An element that is there: the indices of these loops are in range. */
const at = <T>(list: readonly T[], i: number): T => list[i] as T;
