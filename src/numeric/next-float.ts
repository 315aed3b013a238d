const view = new DataView(new ArrayBuffer(8));

/**
 * The largest float64 below a finite value.
 *
 * @returns -Infinity below -Number.MAX_VALUE
 */
export function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return view.getFloat64(0);
}
