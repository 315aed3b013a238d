import type { Token } from "../analysis/analyzer.js";

/** True if the tokens hold all terms of the phrase at their offsets from one another. */
export function containsPhrase(
  tokens: readonly Token[],
  phrase: readonly { readonly term: string; readonly offset: number }[],
): boolean {
  const positions = new Map<string, number[]>();
  for (const { term } of phrase) positions.set(term, []);
  for (const { term, position } of tokens) positions.get(term)?.push(position);
  return areAtOffsets(
    phrase.map(({ term, offset }) => ({ offset, at: positions.get(term) ?? [] })),
  );
}

/** True if for some start every word has a position `at` start + its offset. */
export function areAtOffsets(
  words: readonly { readonly offset: number; readonly at: readonly number[] }[],
): boolean {
  if (words.length === 0) return true;
  const sets = words.map(({ offset, at }) => ({ offset, at: new Set(at) }));
  // The rarest word has the fewest starts to try.
  const rarest = sets.reduce((a, b) => (b.at.size < a.at.size ? b : a));
  for (const position of rarest.at) {
    const start = position - rarest.offset;
    if (sets.every(({ offset, at }) => at.has(start + offset))) return true;
  }
  return false;
}
