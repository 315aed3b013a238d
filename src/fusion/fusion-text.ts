import { InputError } from "../errors.js";
import { type Fusion, fusionSchema } from "./fusion.js";

/**
 * Parses the text form of a fusion: a method, then settings in parentheses.
 *
 * ```text
 * rrf                                   rrf(k=30,dense=2)
 * weighted(dense=.3)                    weighted(norm=min-max)
 * weighted(dense=.6,norm.sparse=max,norm.dense=none)
 * ```
 *
 * `k` is the rank constant, `adaptive=true` weighs the legs anew for each query, `norm` the normalisation of all legs, `norm.LEG` that of one leg, and
 * every other name a leg with its weight. What is left out is the method's default.
 *
 * @throws {InputError} not of this form, or not a fusion
 */
export function parseFusion(text: string): Fusion {
  const shape = /^\s*([A-Za-z]+)\s*(?:\(\s*(.*?)\s*\))?\s*$/su.exec(text);
  if (shape === null) {
    throw new InputError(
      `expected a fusion such as "rrf(k=60)" or "weighted(dense=0.5,norm=max)", got "${text}"`,
      { field: "fusion", value: text },
    );
  }
  const weights: Record<string, number> = {};
  const legNorms: Record<string, string> = {};
  const settings: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const part of (shape[2] ?? "") === "" ? [] : (shape[2] ?? "").split(",")) {
    const equals = part.lastIndexOf("=");
    const key = part.slice(0, Math.max(0, equals)).trim();
    const value = part.slice(equals + 1).trim();
    if (equals < 0 || key === "" || value === "") refuse(text, part, "name=value");
    if (seen.has(key)) refuse(text, part, `${key} once`);
    seen.add(key);
    if (key === "norm") settings["normalization"] = value;
    else if (key.startsWith("norm.")) legNorms[key.slice(5)] = value;
    else if (key === "adaptive") {
      if (value !== "true" && value !== "false")
        refuse(text, part, "adaptive=true or adaptive=false");
      settings["adaptive"] = value === "true";
    } else if (key === "k") settings["rankConstant"] = parseNumber(text, part, value);
    else weights[key] = parseNumber(text, part, value);
  }
  if (Object.keys(legNorms).length > 0) {
    if ("normalization" in settings) refuse(text, "norm", "either norm or norm.LEG");
    settings["normalization"] = legNorms;
  }
  if (Object.keys(weights).length > 0) settings["weights"] = weights;
  const parsed = fusionSchema.safeParse({ method: shape[1]?.toLowerCase(), ...settings });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.map(String).join(".")}${path.length > 0 ? ": " : ""}${message}`,
  );
  throw new InputError(`fusion "${text}": ${problems.join("; ")}`, {
    field: "fusion",
    value: text,
  });
}

/**
 * The fusion in its text form, with everything that changes a number: `parseFusion` reads it back.
 * Legs in the order of their names.
 */
export function fusionName(fusion: Fusion): string {
  const settings: string[] = [];
  if (fusion.method === "rrf") settings.push(`k=${fusion.rankConstant}`);
  if (fusion.method === "weighted" && fusion.adaptive !== undefined) {
    settings.push(`adaptive=${fusion.adaptive}`);
  }
  if ("normalization" in fusion) {
    if (typeof fusion.normalization === "string") settings.push(`norm=${fusion.normalization}`);
    else {
      for (const [leg, norm] of byName(fusion.normalization)) settings.push(`norm.${leg}=${norm}`);
    }
  }
  for (const [leg, weight] of byName(fusion.weights ?? {})) settings.push(`${leg}=${weight}`);
  return settings.length === 0 ? fusion.method : `${fusion.method}(${settings.join(",")})`;
}

function byName<Value>(values: Readonly<Record<string, Value>>): [string, Value][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

function parseNumber(text: string, part: string, value: string): number {
  if (!/^\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) refuse(text, part, "a number >= 0");
  return Number(value);
}

function refuse(text: string, part: string, expected: string): never {
  throw new InputError(`expected ${expected} in fusion "${text}", got "${part.trim()}"`, {
    field: "fusion",
    value: text,
  });
}
