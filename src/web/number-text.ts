/** 5183 -> "5,183". */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** Score with four digits after the point; more for what would be 0 otherwise. */
export function scoreText(score: number | null): string {
  if (score === null) return "–";
  return score !== 0 && Math.abs(score) < 0.001 ? score.toExponential(2) : score.toFixed(4);
}

/** 12.345 -> "12 ms", 0.42 -> "0.4 ms", 2345 -> "2.3 s". */
export function millisecondsText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

/** 1234567 -> "1.2 MB". */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/**
 * The parts of a sum with four digits after the point, so that what is shown adds up to the shown
 * sum: rounding down first, the remaining units go to the parts that lost most.
 */
export function partTexts(parts: readonly number[], digits: number = 4): string[] {
  const unit = 10 ** -digits;
  const target = Math.round(parts.reduce((sum, part) => sum + part, 0) / unit);
  const floors = parts.map((part) => Math.floor(part / unit));
  let missing = target - floors.reduce((sum, floor) => sum + floor, 0);
  const byLoss = parts
    .map((part, i) => ({ i, loss: part / unit - (floors[i] ?? 0) }))
    .sort((a, b) => b.loss - a.loss);
  for (const { i } of byLoss) {
    if (missing <= 0) break;
    floors[i] = (floors[i] ?? 0) + 1;
    missing--;
  }
  return floors.map((floor) => (floor * unit).toFixed(digits));
}
