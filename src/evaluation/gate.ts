import { InputError } from "../errors.js";
import type { Evaluation } from "./evaluate-run.js";
import { type Measure, parseMeasure } from "./measure.js";
import { pairedTTest } from "./paired-t-test.js";
import { pairValues, winsTiesLosses } from "./paired-values.js";
import { randomizationTest } from "./randomization-test.js";
import { wilcoxonSignedRank } from "./wilcoxon-signed-rank.js";

/**
 * A condition under which a build fails, such as `nDCG@10 drop > 0.01 p < 0.05`:
 *
 *     gate         measure quantity? comparison threshold significance?
 *     quantity     drop (baseline - value) | rise (value - baseline) | losses (queries that got
 *                  worse) | nothing: the mean itself
 *     comparison   > | >= | < | <=
 *     threshold    a number, or a percentage: of the baseline's mean, of the queries for losses
 *     significance and? p(test)? < level, test: randomization (the default), t or wilcoxon; two-sided
 *
 * With a significance the gate fails only if the difference is significant too. Numbers that differ
 * by rounding alone (1e-12) are equal.
 */
export interface Gate {
  /** As it was written, white space tidied. */
  readonly text: string;
  readonly measure: Measure;
  readonly quantity: "value" | "drop" | "rise" | "losses";
  readonly comparison: Comparison;
  /** In the measure's units or queries; with `isPercent` in percent. */
  readonly threshold: number;
  readonly isPercent: boolean;
  readonly significance: { readonly test: GateTest; readonly level: number } | undefined;
}

export type Comparison = ">" | ">=" | "<" | "<=";
export type GateTest = "randomization" | "t" | "wilcoxon";

export interface GateResult {
  readonly gate: Gate;
  readonly failed: boolean;
  /** What was compared with the threshold, in its unit. */
  readonly observed: number;
  readonly value: number;
  /** Absent for a gate on the mean itself without a baseline. */
  readonly baselineValue: number | undefined;
  /** Absent where the gate asks for no significance. */
  readonly pValue: number | undefined;
  /** One line for people. */
  readonly message: string;
}

const TESTS: Readonly<Record<string, GateTest>> = {
  "": "randomization",
  randomization: "randomization",
  randomisation: "randomization",
  fisher: "randomization",
  t: "t",
  wilcoxon: "wilcoxon",
};

const GATE = new RegExp(
  [
    /^(?<measure>[A-Za-z_]+\d*(?:\([^()]*\))?(?:@\d+)?)/,
    /(?:\s+(?<quantity>drop|rise|losses|value))?/,
    /\s*(?<comparison>>=|<=|>|<)\s*(?<threshold>-?(?:\d+\.?\d*|\.\d+))\s*(?<percent>%)?/,
    /(?:(?:\s+and\b)?\s+p\s*(?:\(\s*(?<test>[a-z]*)\s*\))?\s*<\s*(?<level>\d*\.?\d+))?$/,
  ]
    .map(({ source }) => source)
    .join(""),
  "i",
);

/**
 * Reads one gate.
 *
 * @throws {InputError} not of the form above, an unknown measure or test, a level outside (0, 1)
 */
export function parseGate(text: string): Gate {
  const tidy = text.trim().replace(/\s+/g, " ");
  const parts = GATE.exec(tidy)?.groups;
  if (parts === undefined) {
    throw new InputError(
      `expected a gate such as "nDCG@10 drop > 0.01 p < 0.05" or "R@100 < 0.9", got "${text}"`,
      { gate: text },
    );
  }
  const quantity = (parts["quantity"]?.toLowerCase() ?? "value") as Gate["quantity"];
  const isPercent = parts["percent"] !== undefined;
  if (isPercent && quantity === "value") {
    throw new InputError(`expected a percentage after drop, rise or losses only, got "${text}"`, {
      gate: text,
    });
  }
  return {
    text: tidy,
    measure: parseMeasure(parts["measure"] ?? ""),
    quantity,
    comparison: parts["comparison"] as Comparison, // the pattern has no others
    threshold: Number(parts["threshold"]),
    isPercent,
    significance: parts["level"] === undefined ? undefined : parseSignificance(parts, text),
  };
}

/**
 * Several gates, parted by `;` or `or`: a build fails if any of them does.
 *
 * @throws {InputError} no gate, or one that `parseGate` refuses
 */
export function parseGates(text: string): Gate[] {
  const gates = text.split(/;|\sor\s/i).filter((part) => part.trim() !== "");
  if (gates.length === 0) throw new InputError("expected at least one gate, got none");
  return gates.map(parseGate);
}

function parseSignificance(
  parts: Readonly<Record<string, string | undefined>>,
  text: string,
): { readonly test: GateTest; readonly level: number } {
  const name = (parts["test"] ?? "").toLowerCase();
  const test = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  if (test === undefined) {
    throw new InputError(`expected p(randomization), p(t) or p(wilcoxon), got p(${name})`, {
      gate: text,
      test: name,
    });
  }
  const level = Number(parts["level"]);
  if (!(level > 0 && level < 1)) {
    throw new InputError(`expected a level above 0 and below 1 after p <, got "${text}"`, {
      gate: text,
      level,
    });
  }
  return { test, level };
}

/**
 * Checks a gate on an evaluation, which must hold the gate's measure.
 *
 * @param baseline evaluation over the same judgements; needed unless the gate is on the mean itself
 *   without a significance
 * @throws {InputError} the measure or the baseline is missing, or the evaluations differ in queries
 */
export function checkGate(gate: Gate, current: Evaluation, baseline?: Evaluation): GateResult {
  const { name } = gate.measure;
  const value = meanOf(current, name);
  if (baseline === undefined) {
    if (gate.quantity !== "value" || gate.significance !== undefined) {
      throw new InputError(`expected a baseline for the gate "${gate.text}", got none`, {
        gate: gate.text,
      });
    }
    return conclude(gate, value, value, undefined, undefined);
  }
  const baselineValue = meanOf(baseline, name);
  const pairs = pairValues(columnOf(current, name), columnOf(baseline, name));
  const observed = observe(gate, value, baselineValue, pairs.values, pairs.baseline);
  const pValue =
    gate.significance && pValueOf(gate.significance.test, pairs.values, pairs.baseline);
  return conclude(gate, observed, value, baselineValue, pValue);
}

function meanOf(evaluation: Evaluation, name: string): number {
  const mean = Object.hasOwn(evaluation.mean, name) ? evaluation.mean[name] : undefined;
  if (mean === undefined) {
    throw new InputError(`expected ${name} among the measures of the evaluation, got none`, {
      measure: name,
    });
  }
  return mean;
}

function columnOf(evaluation: Evaluation, name: string) {
  return evaluation.perQuery.get(name) ?? new Map();
}

function observe(
  gate: Gate,
  value: number,
  baselineValue: number,
  values: Float64Array,
  baseline: Float64Array,
): number {
  switch (gate.quantity) {
    case "value":
      return value;
    case "drop":
      return gate.isPercent
        ? percentOf(baselineValue - value, baselineValue)
        : baselineValue - value;
    case "rise":
      return gate.isPercent
        ? percentOf(value - baselineValue, baselineValue)
        : value - baselineValue;
    case "losses": {
      const { losses } = winsTiesLosses(values, baseline, ROUNDING);
      return gate.isPercent ? percentOf(losses, values.length) : losses;
    }
    default:
      throw gate.quantity satisfies never;
  }
}

/** A change from 0 is infinite in percent, no change is 0. */
function percentOf(part: number, whole: number): number {
  return part === 0 ? 0 : (100 * part) / whole;
}

function pValueOf(test: GateTest, values: Float64Array, baseline: Float64Array): number {
  switch (test) {
    case "randomization":
      return randomizationTest(values, baseline).pValue;
    case "t":
      return pairedTTest(values, baseline).pValue;
    case "wilcoxon":
      return wilcoxonSignedRank(values, baseline).pValue;
    default:
      throw test satisfies never;
  }
}

const ROUNDING = 1e-12;

function conclude(
  gate: Gate,
  observed: number,
  value: number,
  baselineValue: number | undefined,
  pValue: number | undefined,
): GateResult {
  const level = gate.significance?.level;
  const significant = level === undefined || (pValue !== undefined && pValue < level);
  const failed = significant && holds(observed, gate.comparison, gate.threshold);
  const unit = gate.isPercent ? " %" : "";
  const what = gate.quantity === "value" ? "" : ` ${gate.quantity} ${shown(observed)}${unit}`;
  const against = baselineValue === undefined ? "" : ` against ${shown(baselineValue)}`;
  const chance = pValue === undefined ? "" : `, p = ${pValue.toPrecision(3)}`;
  return {
    gate,
    failed,
    observed,
    value,
    baselineValue,
    pValue,
    message:
      `${failed ? "failed" : "passed"}: ${gate.text} ` +
      `(${gate.measure.name}${what}: ${shown(value)}${against}${chance})`,
  };
}

function holds(observed: number, comparison: Comparison, threshold: number): boolean {
  switch (comparison) {
    case ">":
      return observed > threshold + ROUNDING;
    case ">=":
      return observed >= threshold - ROUNDING;
    case "<":
      return observed < threshold - ROUNDING;
    case "<=":
      return observed <= threshold + ROUNDING;
    default:
      throw comparison satisfies never;
  }
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}
