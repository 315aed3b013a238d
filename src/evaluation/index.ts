/** Public API of `braid-search/eval`: runs and judgements in, measures and tests out. */

export { withoutIdenticalId, withoutIdenticalIds } from "../run/identical-ids.js";
export type { QrelsFormat, QrelsReadOptions, QrelsReadReport } from "../run/qrels.js";
export { parseQrels, readQrels } from "../run/qrels.js";
export type { DocId, Qrels, QueryId, Ranking, Run, ScoredDoc } from "../run/ranking.js";
export { compareDocIds, compareScoredDocs } from "../run/ranking.js";
export type { TopicField, Topics, TopicsFormat, TopicsReadOptions } from "../run/topics.js";
export { parseTopics, readTopics } from "../run/topics.js";
export type { RunReadOptions, RunReadReport, SkippedLine } from "../run/trec-run.js";
export { parseTrecRun, readTrecRun, streamTrecRun } from "../run/trec-run.js";
export { formatTrecRanking, writeTrecRun } from "../run/trec-run-writer.js";
export type { BootstrapOptions } from "./bootstrap-interval.js";
export { bootstrapInterval } from "./bootstrap-interval.js";
export type { CompareOptions, SystemComparison, SystemPair } from "./compare-systems.js";
export { compareSystems } from "./compare-systems.js";
export type { Complementarity, FoundBy, OracleCeiling } from "./complementarity.js";
export { complementarity, oracleCeiling } from "./complementarity.js";
export type { Evaluation, EvaluationOptions } from "./evaluate-run.js";
export { evaluateRankings, evaluateRun } from "./evaluate-run.js";
export type { Comparison, Gate, GateResult, GateTest } from "./gate.js";
export { checkGate, parseGate, parseGates } from "./gate.js";
export type { JudgedRanking } from "./judged-ranking.js";
export type { Measure } from "./measure.js";
export { DEFAULT_MEASURES, parseMeasure, parseMeasures } from "./measure.js";
export { bonferroni, holm } from "./multiple-comparisons.js";
export type { Alternative, EquivalenceTest, Interval, PairedTTest } from "./paired-t-test.js";
export { equivalenceTest, pairedTTest } from "./paired-t-test.js";
export type { PairedValues, WinsTiesLosses } from "./paired-values.js";
export { pairedEffectSize, pairValues, winsTiesLosses } from "./paired-values.js";
export type { RandomizationOptions, RandomizationTest } from "./randomization-test.js";
export { randomizationTest } from "./randomization-test.js";
export {
  jaccardAtDepth,
  kendallTau,
  kendallTauB,
  rankBiasedOverlap,
} from "./ranking-similarity.js";
export type { WilcoxonTest } from "./wilcoxon-signed-rank.js";
export { wilcoxonSignedRank } from "./wilcoxon-signed-rank.js";
