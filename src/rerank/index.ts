/** Reranking of the best candidates. Importing it loads no inference runtime; opening a model does. */
export { openCrossEncoder } from "./cross-encoder-reranker.js";
export { maxSim, openLateInteraction } from "./late-interaction-reranker.js";
export { defaultPassages, type PassageSettings, splitPassages } from "./passages.js";
export { type RerankDocument, type Reranked, type RerankOptions, rerank } from "./rerank.js";
export type { Reranker, RerankerIdentity } from "./reranker.js";
export { ScoreCache } from "./score-cache.js";
