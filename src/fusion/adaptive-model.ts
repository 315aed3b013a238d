import type { AdaptiveModel } from "./adaptive-weight.js";

/**
 * Learned from five collections with two encoders by `scripts/bench/adaptive-weight.ts`, which also
 * measures it on collections that it was not learned from (docs/fusion.md): the table there says why
 * it is an option and not the default.
 */
export const adaptiveModel: AdaptiveModel = {
  base: 0.5293,
  least: 0.1,
  most: 0.9,
  terms: {
    coverage: { mean: 0.4156, deviation: 0.1894, slope: 0.0389 },
    sparseDecay: { mean: 0.6507, deviation: 0.1648, slope: 0.0692 },
    topSimilarity: { mean: 0.642, deviation: 0.1193, slope: -0.031 },
    denseGap10: { mean: 0.1234, deviation: 0.0716, slope: 0.0829 },
    denseGap100: { mean: 0.2455, deviation: 0.089, slope: 0.026 },
    agreement10: { mean: 0.3267, deviation: 0.2001, slope: 0.0065 },
    agreement100: { mean: 0.3629, deviation: 0.159, slope: -0.0255 },
  },
};
