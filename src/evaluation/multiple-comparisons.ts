import { InputError } from "../errors.js";

/**
 * Bonferroni: each p value times the number of tests, at most 1. The chance of any false alarm among
 * them stays below the level, whatever their dependence.
 *
 * @throws {InputError} a p value outside [0, 1]
 */
export function bonferroni(pValues: readonly number[]): number[] {
  checkPValues(pValues);
  return pValues.map((p) => Math.min(1, p * pValues.length));
}

/**
 * Holm's step-down correction: the i-th smallest of m p values (i from 0) times m - i, at least the
 * corrected value before it, at most 1. As safe as Bonferroni and never larger. Order is kept.
 *
 * @throws {InputError} a p value outside [0, 1]
 * @see Holm, Scandinavian Journal of Statistics 6(2), 1979
 */
export function holm(pValues: readonly number[]): number[] {
  checkPValues(pValues);
  const ascending = [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
  const corrected = new Array<number>(pValues.length);
  let atLeast = 0;
  for (const [i, test] of ascending.entries()) {
    atLeast = Math.max(atLeast, Math.min(1, pValues[test]! * (pValues.length - i)));
    corrected[test] = atLeast;
  }
  return corrected;
}

function checkPValues(pValues: readonly number[]): void {
  const wrong = pValues.find((p) => !(p >= 0 && p <= 1));
  if (wrong !== undefined) {
    throw new InputError(`expected p values from 0 to 1, got ${wrong}`, { pValue: wrong });
  }
}
