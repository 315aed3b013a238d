/** Fusion as a library: rankings in, one ranking out, with every hit explained. Loads no index. */

export type { LegSignals } from "./adaptive-weight.js";
export { fuse } from "./fuse.js";
export { fuseRuns, type NamedRun } from "./fuse-runs.js";
export { type FusedPart, FusedRanking } from "./fused-ranking.js";
export {
  defaultFusion,
  type Fusion,
  type FusionInput,
  fusionSchema,
  type LegNormalizations,
  type LegWeights,
} from "./fusion.js";
export type { FusionLeg } from "./fusion-leg.js";
export { fusionName, parseFusion } from "./fusion-text.js";
export { type Normalization, normalizations } from "./normalization.js";
