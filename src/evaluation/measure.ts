import { InputError } from "../errors.js";
import {
  averagePrecision,
  precision,
  recall,
  reciprocalRank,
  rPrecision,
  setAveragePrecision,
  setF,
  setPrecision,
  setRecall,
  success,
} from "./binary-measures.js";
import { normalizedDiscountedCumulativeGain } from "./discounted-cumulative-gain.js";
import {
  binaryPreference,
  inferredAveragePrecision,
  judgedShare,
} from "./incomplete-judgements.js";
import { type JudgedRanking, judgedOnly } from "./judged-ranking.js";
import { expectedReciprocalRank, rankBiasedPrecision } from "./user-models.js";

/** A measure of one query's ranking, with all its parameters set. */
export interface Measure {
  /** ir-measures' name with every parameter that differs from its default: `P(rel=2)@10`. */
  readonly name: string;
  /** Ranks looked at; `Infinity` where the measure has no cut-off. */
  readonly cutoff: number;
  /** Lowest grade that counts as relevant (1 for measures that read grades themselves). */
  readonly rel: number;
  /** Value for one query, 0 where it is not defined; higher is better. */
  readonly evaluate: (judged: JudgedRanking) => number;
}

/** Measures of `braid eval` and of the reports. */
export const DEFAULT_MEASURES: readonly string[] = [
  "nDCG@10",
  "AP@1000",
  "RR@10",
  "R@10",
  "R@100",
  "R@1000",
  "P@10",
  "Judged@10",
];

type ParameterValue = number | boolean | string;

interface Parameter {
  readonly name: string;
  readonly fallback: ParameterValue;
  /** Printed in the name even when it has its default: ir-measures has no default for it. */
  readonly alwaysNamed?: boolean;
  /** What is allowed, in words for the error, and the test of it. */
  readonly expected: string;
  readonly accepts: (value: ParameterValue) => boolean;
}

interface MeasureFamily {
  readonly names: readonly [string, ...string[]];
  readonly cutoff: "required" | "optional" | "none";
  readonly parameters: readonly Parameter[];
  readonly evaluate: (judged: JudgedRanking, cutoff: number, given: Given) => number;
}

/** Values of the parameters by name; asked for only under names that the family declares. */
interface Given {
  readonly number: (name: string) => number;
  readonly text: (name: string) => string;
  readonly flag: (name: string) => boolean;
}

const rel: Parameter = {
  name: "rel",
  fallback: 1,
  expected: "an integer >= 0",
  accepts: (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
};

const judgedOnlyFlag: Parameter = {
  name: "judged_only",
  fallback: false,
  expected: "True or False",
  accepts: (value) => typeof value === "boolean",
};

const positive = (name: string, fallback: number): Parameter => ({
  name,
  fallback,
  expected: "a number above 0",
  accepts: (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
});

const FAMILIES: readonly MeasureFamily[] = [
  {
    names: ["nDCG", "NDCG"],
    cutoff: "optional",
    parameters: [
      {
        name: "dcg",
        fallback: "log2",
        expected: "'log2' or 'exp-log2'",
        accepts: (value) => value === "log2" || value === "exp-log2",
      },
      judgedOnlyFlag,
    ],
    evaluate: (judged, cutoff, given) =>
      normalizedDiscountedCumulativeGain(
        judged,
        cutoff,
        given.text("dcg") === "exp-log2" ? "exponential" : "linear",
      ),
  },
  {
    names: ["AP", "MAP"],
    cutoff: "optional",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, cutoff, given) => averagePrecision(judged, cutoff, given.number("rel")),
  },
  {
    names: ["RR", "MRR"],
    cutoff: "optional",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, cutoff, given) => reciprocalRank(judged, cutoff, given.number("rel")),
  },
  {
    names: ["P", "Precision"],
    cutoff: "required",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, cutoff, given) => precision(judged, cutoff, given.number("rel")),
  },
  {
    names: ["R", "Recall"],
    cutoff: "required",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, cutoff, given) => recall(judged, cutoff, given.number("rel")),
  },
  {
    names: ["Success"],
    cutoff: "required",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, cutoff, given) => success(judged, cutoff, given.number("rel")),
  },
  {
    names: ["Rprec", "RPrec"],
    cutoff: "none",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, _cutoff, given) => rPrecision(judged, given.number("rel")),
  },
  {
    names: ["Bpref", "BPref"],
    cutoff: "none",
    parameters: [rel],
    evaluate: (judged, _cutoff, given) => binaryPreference(judged, given.number("rel")),
  },
  {
    names: ["infAP"],
    cutoff: "none",
    parameters: [rel],
    evaluate: (judged, _cutoff, given) => inferredAveragePrecision(judged, given.number("rel")),
  },
  {
    names: ["RBP"],
    cutoff: "optional",
    parameters: [
      {
        name: "p",
        fallback: 0.8,
        expected: "a number above 0 and below 1",
        accepts: (value) => typeof value === "number" && value > 0 && value < 1,
      },
      // ir-measures reads an absent level as graded gains without saying on which scale.
      { ...rel, alwaysNamed: true },
    ],
    evaluate: (judged, cutoff, given) =>
      rankBiasedPrecision(judged, cutoff, given.number("rel"), given.number("p")),
  },
  {
    names: ["ERR"],
    cutoff: "optional",
    parameters: [
      {
        name: "max_rel",
        fallback: 4,
        expected: "an integer from 1 to 30",
        accepts: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 30,
      },
    ],
    evaluate: (judged, cutoff, given) =>
      expectedReciprocalRank(judged, cutoff, given.number("max_rel")),
  },
  {
    names: ["Judged"],
    cutoff: "optional",
    parameters: [],
    evaluate: (judged, cutoff) => judgedShare(judged, cutoff),
  },
  {
    names: ["SetP"],
    cutoff: "none",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, _cutoff, given) => setPrecision(judged, given.number("rel")),
  },
  {
    names: ["SetR"],
    cutoff: "none",
    parameters: [rel],
    evaluate: (judged, _cutoff, given) => setRecall(judged, given.number("rel")),
  },
  {
    names: ["SetF"],
    cutoff: "none",
    parameters: [rel, positive("beta", 1), judgedOnlyFlag],
    evaluate: (judged, _cutoff, given) => setF(judged, given.number("rel"), given.number("beta")),
  },
  {
    names: ["SetAP"],
    cutoff: "none",
    parameters: [rel, judgedOnlyFlag],
    evaluate: (judged, _cutoff, given) => setAveragePrecision(judged, given.number("rel")),
  },
];

/** trec_eval's names for measures that have one of ours, without and with a cut-off. */
const TREC_EVAL_NAMES: Readonly<Record<string, string>> = {
  ndcg: "nDCG",
  map: "AP",
  recip_rank: "RR",
  bpref: "Bpref",
  set_P: "SetP",
  set_recall: "SetR",
  set_F: "SetF",
  set_map: "SetAP",
};
const TREC_EVAL_CUTOFF_NAMES: Readonly<Record<string, string>> = {
  ndcg_cut: "nDCG",
  map_cut: "AP",
  P: "P",
  recall: "R",
  success: "Success",
};

/**
 * Reads the name of a measure in ir-measures' form, `Name(parameter=value,…)@cutoff`, or in
 * trec_eval's (`ndcg_cut_10`, `map`). Its parameters: `rel` the lowest relevant grade (1),
 * `judged_only` to pass over documents without a judgement, `dcg='exp-log2'` for gains of
 * 2^grade - 1 in nDCG, `p` and `rel` of RBP, `beta` of SetF, `max_rel` of ERR (4).
 *
 * @throws {InputError} unknown name or parameter, cut-off missing or not an integer >= 1
 */
export function parseMeasure(text: string): Measure {
  const spelled = fromTrecEvalName(text.trim());
  const match = /^([A-Za-z]+)\s*(?:\(([^()]*)\))?\s*(?:@\s*(\S+))?$/.exec(spelled);
  const family = FAMILIES.find(({ names }) => names.includes(match?.[1] ?? ""));
  if (match === null || family === undefined) {
    const known = FAMILIES.map(({ names }) => names[0]).join(", ");
    throw new InputError(
      `expected a measure such as nDCG@10 or P(rel=2)@5, got "${text}": known are ${known}`,
      { measure: text },
    );
  }
  const cutoff = parseCutoff(text, family, match[3]);
  const values = parseParameters(text, family, match[2] ?? "");
  const name = nameOf(family, values, match[3] === undefined ? undefined : cutoff);
  const given: Given = {
    number: (parameter) => Number(values.get(parameter)),
    text: (parameter) => String(values.get(parameter)),
    flag: (parameter) => values.get(parameter) === true,
  };
  const evaluate = given.flag("judged_only")
    ? (judged: JudgedRanking) => family.evaluate(judgedOnly(judged), cutoff, given)
    : (judged: JudgedRanking) => family.evaluate(judged, cutoff, given);
  return { name, cutoff, rel: values.has("rel") ? given.number("rel") : 1, evaluate };
}

/** `parseMeasure` for a list in one text: `"nDCG@10, P(rel=2)@5 AP"`. */
export function parseMeasures(text: string): Measure[] {
  // Split at blanks and commas outside parentheses.
  const names = text.match(/(?:[^\s,()]|\([^()]*\))+/g) ?? [];
  if (names.length === 0) throw new InputError("expected at least one measure, got none");
  return names.map(parseMeasure);
}

function fromTrecEvalName(text: string): string {
  const plain = Object.hasOwn(TREC_EVAL_NAMES, text) ? TREC_EVAL_NAMES[text] : undefined;
  if (plain !== undefined) return plain;
  const cut = /^([A-Za-z_]+)[_.](\d+)$/.exec(text);
  const name = cut?.[1] ?? "";
  return cut && Object.hasOwn(TREC_EVAL_CUTOFF_NAMES, name)
    ? `${TREC_EVAL_CUTOFF_NAMES[name]}@${cut[2]}`
    : text;
}

function parseCutoff(text: string, family: MeasureFamily, field: string | undefined): number {
  const name = family.names[0];
  if (field === undefined) {
    if (family.cutoff !== "required") return Number.POSITIVE_INFINITY;
    throw new InputError(`expected a cut-off for ${name}, as in ${name}@10, got "${text}"`, {
      measure: text,
    });
  }
  if (family.cutoff === "none") {
    throw new InputError(`expected ${name} without a cut-off, got "${text}"`, { measure: text });
  }
  const cutoff = /^\d+$/.test(field) ? Number(field) : 0;
  if (!Number.isSafeInteger(cutoff) || cutoff < 1) {
    throw new InputError(
      `expected a cut-off that is an integer >= 1, got "${field}" in "${text}"`,
      {
        measure: text,
        cutoff: field,
      },
    );
  }
  return cutoff;
}

function parseParameters(
  text: string,
  family: MeasureFamily,
  list: string,
): Map<string, ParameterValue> {
  const values = new Map(family.parameters.map(({ name, fallback }) => [name, fallback]));
  for (const item of list.split(",").filter((part) => part.trim() !== "")) {
    const equals = item.indexOf("=");
    const name = item.slice(0, Math.max(equals, 0)).trim();
    const parameter = family.parameters.find((known) => known.name === name);
    if (parameter === undefined) {
      const known = family.parameters.map((other) => other.name).join(", ") || "none";
      throw new InputError(
        `expected parameters of ${family.names[0]} as name=value (${known}), got "${item.trim()}" in "${text}"`,
        { measure: text },
      );
    }
    const value = parseValue(item.slice(equals + 1).trim());
    if (value === undefined || !parameter.accepts(value)) {
      throw new InputError(
        `expected ${name} to be ${parameter.expected}, got "${item.slice(equals + 1).trim()}" in "${text}"`,
        { measure: text, parameter: name },
      );
    }
    values.set(name, value);
  }
  return values;
}

function parseValue(text: string): ParameterValue | undefined {
  const quoted = /^(['"])(.*)\1$/.exec(text);
  if (quoted) return quoted[2] ?? "";
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  return /^-?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : undefined;
}

function nameOf(
  family: MeasureFamily,
  values: ReadonlyMap<string, ParameterValue>,
  cutoff: number | undefined,
): string {
  const named = family.parameters
    .filter(({ name, fallback, alwaysNamed }) => alwaysNamed || values.get(name) !== fallback)
    .map(({ name }) => `${name}=${spell(values.get(name) ?? "")}`);
  const list = named.length > 0 ? `(${named.join(",")})` : "";
  return `${family.names[0]}${list}${cutoff === undefined ? "" : `@${cutoff}`}`;
}

function spell(value: ParameterValue): string {
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}
