import type { Token } from "../analysis/analyzer.js";

/** True if the tokens hold all terms of the phrase at their offsets from one another. */
export function containsPhrase(
  tokens: readonly Token[],
  phrase: readonly { readonly term: string; readonly offset: number }[],
): boolean {
  const first = phrase[0];
  if (first === undefined) return true;
  const positions = new Map<string, Set<number>>();
  for (const { term } of phrase) positions.set(term, new Set());
  for (const { term, position } of tokens) positions.get(term)?.add(position);
  for (const start of positions.get(first.term) ?? []) {
    if (phrase.every(({ term, offset }) => positions.get(term)?.has(start + offset))) return true;
  }
  return false;
}
