/** .7414 -> ".741", as retrieval papers print measures. */
export function decimals(value: number, digits = 3): string {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text)
    .replace(/^(-?)0\./, "$1.")
    .replace("-", "−");
}

/** A p value as a reader wants it: "p < .001" rather than zeros. */
export function pValueText(pValue: number): string {
  return pValue < 0.001 ? "p < .001" : `p = ${decimals(pValue)}`;
}

/** .012 -> "+.012". */
export function signed(value: number): string {
  const text = decimals(value);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** 0 -> "a"; beyond z "a1" and so on. */
export function letter(index: number): string {
  const base = String.fromCharCode(97 + (index % 26));
  return index < 26 ? base : `${base}${Math.floor(index / 26)}`;
}

/** 5183 -> "5,183". */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}
