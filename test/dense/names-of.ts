import type { DocNames } from "../../src/run/doc-names.js";
import { compareDocIds, type DocId } from "../../src/run/ranking.js";

/** Names of a segment's documents in the order of their ordinals. */
export function namesOf(ids: readonly string[]): DocNames {
  const order = ids.map((_, i) => i).sort((a, b) => compareDocIds(ids[a] ?? "", ids[b] ?? ""));
  const idRank = new Uint32Array(ids.length);
  for (const [rank, ord] of order.entries()) idRank[ord] = rank;
  return { docCount: ids.length, idRank, docId: (ord) => ids[ord] as DocId };
}
