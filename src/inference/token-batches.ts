/** How texts are put together into one run of the model. */
export interface TokenBatchLimits {
  /** Upper bound of batch size times longest length, padding included; a longer text runs alone. */
  readonly tokenBudget: number;
  readonly maxTexts: number;
  /**
   * `sorted`: neighbours in length share a batch and are padded to its longest. `equal`: only texts
   * of the same length share one, so there is no padding. `single`: every text alone.
   */
  readonly grouping: "sorted" | "equal" | "single";
}

/**
 * Cuts texts into batches by length, longest first, so that padding is small and the largest memory
 * is needed at once and not at the end. Deterministic: equal lengths stay in input order.
 *
 * @param lengths tokens of each text
 * @returns indices of each batch; together they are every index once
 */
export function planTokenBatches(lengths: readonly number[], limits: TokenBatchLimits): number[][] {
  const order = lengths.map((_, i) => i);
  // The sort is stable, so ties keep input order.
  order.sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0));
  const batches: number[][] = [];
  let batch: number[] = [];
  let longest = 0;
  for (const index of order) {
    const length = lengths[index] ?? 0;
    const fits =
      batch.length > 0 &&
      limits.grouping !== "single" &&
      batch.length < limits.maxTexts &&
      (batch.length + 1) * longest <= limits.tokenBudget &&
      (limits.grouping === "sorted" || length === longest);
    if (fits) {
      batch.push(index);
    } else {
      batch = [index];
      batches.push(batch);
      longest = length;
    }
  }
  return batches;
}
