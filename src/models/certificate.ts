import type { ModelDescription } from "./model-description.js";
import { verifyModelFiles } from "./model-folder.js";
import { probePairs, probeTexts } from "./probe-texts.js";
import { readReference } from "./reference-vectors.js";

/** A model that runs, as inference/ opens it. */
export interface RunningModel {
  /** Row-major `[texts, dimension]`. */
  embed(texts: readonly string[]): Promise<Float32Array>;
  /** One logit per pair. */
  scorePairs(pairs: readonly (readonly [string, string])[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export type OpenModel = (folder: string, description: ModelDescription) => Promise<RunningModel>;

/** How close two ways of computing the same vectors (or logits) are. */
export interface Agreement {
  readonly count: number;
  /** Largest absolute difference of any component. */
  readonly largestDifference: number;
  /** Over the texts; 1 for logits that are equal in every order, else their correlation. */
  readonly meanCosine: number;
  readonly minCosine: number;
}

/** What was verified of a model folder. Nothing in `problems` means that it may be used. */
export interface Certificate {
  readonly name: string;
  readonly fingerprint: string;
  readonly numberFormat: ModelDescription["numberFormat"];
  /** Files whose SHA-256 was checked. */
  readonly fileCount: number;
  readonly probeCount: number;
  /** Each probe alone against all in one call. */
  readonly batching: Agreement;
  /** Against the reference vectors of the folder; null where it carries none. */
  readonly parity: Agreement | null;
  /** Against the same model in another number format; null where none was named. */
  readonly quantization: Agreement | null;
  readonly problems: readonly string[];
}

export interface VerifyOptions {
  /** Folder of the same model in fp32, to state the loss of quantisation. */
  readonly against?: string;
}

/** Components may be this far from the reference; quantised models are judged by their cosine. */
const parityTolerance = 1e-4;
const leastCosine: Readonly<Record<ModelDescription["numberFormat"], number>> = {
  fp32: 0.99999,
  fp16: 0.999,
  int8: 0.9,
};
/** Rounding of float32 in sums of another order. */
const batchTolerance = 1e-5;

/**
 * Checks a model folder from its files to its vectors: hashes, that built-in probe texts (empty,
 * long, every kind of script, special tokens) give finite vectors of the right length that differ
 * from one another and do not depend on their batch, and agreement with the folder's reference.
 *
 * @param open runs the model; inference/ provides it
 * @throws {InvalidModelError} a file is missing or changed. What the vectors show is in `problems`
 */
export async function verifyModel(
  folder: string,
  open: OpenModel,
  options: VerifyOptions = {},
): Promise<Certificate> {
  const description = await verifyModelFiles(folder);
  const problems: string[] = [];
  const model = await open(folder, description);
  try {
    const probes = probesOf(description);
    const together = await runProbes(model, description, probes);
    const alone: Float32Array[] = [];
    for (const probe of probes) alone.push(...(await runProbes(model, description, [probe])));
    const batching = agreement(alone, together);
    checkVectors(description, alone, problems);
    if (description.batchInvariant && !(batching.largestDifference <= scaled(alone))) {
      problems.push(
        `vectors change by up to ${batching.largestDifference} with what else is in the batch`,
      );
    }
    const parity = await checkParity(folder, description, model, problems);
    const quantization = await compareFormats(description, alone, probes, open, options, problems);
    return {
      name: description.name,
      fingerprint: description.fingerprint,
      numberFormat: description.numberFormat,
      fileCount: description.files.length,
      probeCount: probes.length,
      batching,
      parity,
      quantization,
      problems,
    };
  } finally {
    await model.close();
  }
}

type Probe = string | readonly [string, string];

function probesOf(description: ModelDescription): readonly Probe[] {
  return description.kind === "cross-encoder" ? probePairs : probeTexts;
}

async function runProbes(
  model: RunningModel,
  description: ModelDescription,
  probes: readonly Probe[],
): Promise<Float32Array[]> {
  const values =
    description.kind === "cross-encoder"
      ? await model.scorePairs(probes.filter((probe) => typeof probe !== "string"))
      : await model.embed(probes.filter((probe) => typeof probe === "string"));
  return rowsOf(values, description.dimension);
}

function rowsOf(values: Float32Array, dimension: number): Float32Array[] {
  const count = values.length / dimension;
  return Array.from({ length: count }, (_, i) =>
    values.subarray(i * dimension, (i + 1) * dimension),
  );
}

/** The tolerance grows with the vectors: those of dot product models are not of length 1. */
function scaled(rows: readonly Float32Array[]): number {
  let largest = 1;
  for (const row of rows) for (const value of row) largest = Math.max(largest, Math.abs(value));
  return batchTolerance * largest;
}

function checkVectors(
  description: ModelDescription,
  rows: readonly Float32Array[],
  problems: string[],
): void {
  const bad = rows.filter((row) => row.some((value) => !Number.isFinite(value)));
  if (bad.length > 0) problems.push(`${bad.length} of ${rows.length} probes give NaN or infinity`);
  if (description.kind === "dual-encoder" && description.similarity === "cosine") {
    const long = rows.filter((row) => Math.abs(Math.hypot(...row) - 1) > 1e-3);
    if (long.length > 0) {
      problems.push(
        `${long.length} of ${rows.length} probes give vectors that are not of length 1`,
      );
    }
  }
  const [first] = rows;
  if (first !== undefined && rows.every((row) => row.every((value, i) => value === first[i]))) {
    problems.push("every probe gives the same vector");
  }
}

async function checkParity(
  folder: string,
  description: ModelDescription,
  model: RunningModel,
  problems: string[],
): Promise<Agreement | null> {
  const reference = await readReference(folder);
  if (reference === null) return null;
  const logits = reference.kind === "logits";
  if (logits !== (description.kind === "cross-encoder")) {
    problems.push(
      `the reference holds ${reference.kind}, which a ${description.kind} does not give`,
    );
    return null;
  }
  const expected = logits
    ? reference.logits.map((value) => [value])
    : reference.embeddings.map((row) => unitIfCosine(row, description));
  const got = logits ? await model.scorePairs(reference.pairs) : await model.embed(reference.texts);
  const rows = rowsOf(got, description.dimension);
  const wrongLength = expected.find((row) => row.length !== description.dimension);
  if (wrongLength !== undefined) {
    problems.push(
      `the reference has vectors of length ${wrongLength.length}, the model of ${description.dimension}`,
    );
    return null;
  }
  const found = agreement(rows, expected);
  const exact = description.numberFormat === "fp32";
  if (exact ? !(found.largestDifference <= parityTolerance) : tooFar(found, description)) {
    problems.push(
      `differs from the reference by up to ${found.largestDifference} (least cosine ${found.minCosine})`,
    );
  }
  return found;
}

/** Vectors of cosine models are normalised in the graph, whether or not their makers did it. */
function unitIfCosine(row: readonly number[], description: ModelDescription): readonly number[] {
  if (description.similarity !== "cosine") return row;
  const length = Math.hypot(...row);
  return length === 0 ? row : row.map((value) => value / length);
}

function tooFar(found: Agreement, description: ModelDescription): boolean {
  return !(found.minCosine >= leastCosine[description.numberFormat]);
}

async function compareFormats(
  description: ModelDescription,
  rows: readonly Float32Array[],
  probes: readonly Probe[],
  open: OpenModel,
  options: VerifyOptions,
  problems: string[],
): Promise<Agreement | null> {
  if (options.against === undefined) return null;
  const other = await verifyModelFiles(options.against);
  if (other.kind !== description.kind || other.dimension !== description.dimension) {
    problems.push(
      `${other.name} is no other format of this model (${other.kind}, dimension ${other.dimension})`,
    );
    return null;
  }
  const model = await open(options.against, other);
  try {
    const exact: Float32Array[] = [];
    for (const probe of probes) exact.push(...(await runProbes(model, other, [probe])));
    const found = agreement(rows, exact);
    if (tooFar(found, description)) {
      problems.push(`the least cosine to ${other.name} is ${found.minCosine}`);
    }
    return found;
  } finally {
    await model.close();
  }
}

/**
 * Compares vectors row by row. Logits (one value a row) are compared as one vector, so that their
 * cosine says something.
 */
export function agreement(
  got: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): Agreement {
  let largestDifference = 0;
  for (const [i, row] of expected.entries()) {
    for (let j = 0; j < row.length; j++) {
      const difference = Math.abs((got[i]?.[j] ?? Number.NaN) - (row[j] ?? Number.NaN));
      largestDifference = Math.max(largestDifference, difference); // NaN stays
    }
  }
  const single = expected.every((row) => row.length === 1);
  const rows = single ? [[got.map((row) => row[0] ?? 0), expected.map((row) => row[0] ?? 0)]] : [];
  const cosines = single
    ? rows.map(([a = [], b = []]) => cosine(a, b))
    : expected.map((row, i) => cosine(got[i] ?? [], row));
  return {
    count: expected.length,
    largestDifference,
    meanCosine: cosines.reduce((sum, value) => sum + value, 0) / Math.max(1, cosines.length),
    minCosine: Math.min(1, ...cosines),
  };
}

/** 1 for two zero vectors. */
function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i] ?? Number.NaN, b[i] ?? Number.NaN];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 && bb === 0) return 1;
  return dot / Math.sqrt(aa * bb);
}
