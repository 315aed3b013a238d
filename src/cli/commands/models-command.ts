import { readdirSync } from "node:fs";
import path from "node:path";
import { ModelSession } from "../../inference/model-session.js";
import { addModel } from "../../models/add-model.js";
import { type Agreement, type Certificate, verifyModel } from "../../models/certificate.js";
import type { DownloadProgress } from "../../models/hub-download.js";
import { knownModels } from "../../models/known-models.js";
import type { ModelDescription } from "../../models/model-description.js";
import {
  bundledModelsDirectory,
  modelsDirectory,
  readModelDescription,
  resolveModelDir,
} from "../../models/model-folder.js";
import { defined } from "../options.js";
import {
  type CommonOptions,
  formatBytes,
  printJson,
  printText,
  SilentFailure,
  say,
  textTable,
  UsageError,
} from "../output.js";

interface ModelsOptions extends CommonOptions {
  /** Folder of models. */
  readonly models?: string;
}

interface AddOptions extends ModelsOptions {
  readonly name?: string;
  readonly format?: ModelDescription["numberFormat"];
  readonly pooling?: "mean" | "cls" | "max" | "last";
  readonly similarity?: "cosine" | "dot";
  readonly revision?: string;
  readonly overwrite?: boolean;
  readonly verify?: boolean;
  /** `quantize` only: where the weights are, if no longer where they came from. */
  readonly from?: string;
}

/** `braid models list`: what is here, and the short names that `add` knows. */
export async function listModels(options: ModelsOptions): Promise<void> {
  const rows: ModelRow[] = [];
  const folders = new Set([modelsDirectory(placesOf(options)), bundledModelsDirectory()]);
  for (const folder of folders) {
    for (const name of foldersIn(folder)) rows.push(await rowOf(path.join(folder, name), name));
  }
  if (options.json === true) {
    printJson({ models: rows, known: knownModels });
    return;
  }
  printText(
    textTable(
      [
        { title: "model" },
        { title: "kind" },
        { title: "family" },
        { title: "dimensions", align: "right" },
        { title: "format" },
        { title: "size", align: "right" },
        { title: "licence" },
      ],
      rows.map((row) =>
        row.problem === null && row.description !== null
          ? [
              row.name,
              row.description.kind,
              row.description.family,
              String(row.description.dimension),
              row.description.numberFormat,
              formatBytes(sizeOf(row.description)),
              row.description.licence ?? "not stated",
            ]
          : [row.name, row.problem ?? "", "", "", "", "", ""],
      ),
    ),
  );
  printText("\nbraid models add takes a folder, a hub id (owner/name), or one of:");
  printText(
    textTable(
      [{ title: "name" }, { title: "what it is" }],
      knownModels.map(({ name, about }) => [name, about]),
    ),
  );
}

/** `braid models add <source>`: brings a model in and tries it out. */
export async function addCommand(options: AddOptions, source: string): Promise<void> {
  await add(options, source, options.format);
}

/** `braid models quantize <model>`: the same model again from its source, in int8. */
export async function quantizeCommand(options: AddOptions, model: string): Promise<void> {
  const description = await readModelDescription(resolveModelDir(model, placesOf(options)));
  if (description.numberFormat === "int8") {
    throw new UsageError(`${description.name} is int8 already`);
  }
  const name = options.name ?? `${description.name}-int8`;
  const [source = "", revision] = description.source.split("@");
  await add(
    { ...options, name, ...defined({ revision: options.revision ?? revision }) },
    options.from ?? source,
    "int8",
    resolveModelDir(model, placesOf(options)),
  );
}

async function add(
  options: AddOptions,
  source: string,
  numberFormat: ModelDescription["numberFormat"] | undefined,
  against?: string,
): Promise<void> {
  const startedMs = performance.now();
  const description = await addModel(source, {
    ...placesOf(options),
    ...defined({
      numberFormat,
      name: options.name,
      pooling: options.pooling,
      similarity: options.similarity,
      overwrite: options.overwrite,
    }),
    hub: {
      onProgress: downloadLine(options),
      ...defined({ revision: options.revision }),
    },
  });
  const folder = resolveModelDir(description.name, placesOf(options));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  say(
    options,
    `${description.name}: ${description.family}, ${description.dimension} dimensions, ` +
      `${description.numberFormat}, ${formatBytes(sizeOf(description))}, ${seconds} s, in ${folder}`,
  );
  const certificate =
    options.verify === false
      ? null
      : await verifyModel(folder, openModel, against === undefined ? {} : { against });
  if (options.json === true) printJson({ model: description, certificate });
  else if (certificate !== null && options.quiet !== true)
    printText(describeCertificate(certificate));
  if (certificate !== null && certificate.problems.length > 0) throw new SilentFailure();
}

/** `braid models show <model>`. */
export async function showModel(options: ModelsOptions, model: string): Promise<void> {
  const folder = resolveModelDir(model, placesOf(options));
  const description = await readModelDescription(folder);
  if (options.json === true) {
    printJson({ folder, ...description });
    return;
  }
  const { prompts } = description;
  const rows: [string, string][] = [
    ["name", description.name],
    ["kind", `${description.kind}, ${description.family}`],
    ["output", `${description.dimension} dimensions, ${description.similarity}`],
    ["pooling", description.pooling],
    ["tokens", `at most ${description.maxTokens}`],
    ["format", `${description.numberFormat}, ${formatBytes(sizeOf(description))}`],
    [
      "prompts",
      `query ${JSON.stringify(prompts.query)}, document ${JSON.stringify(prompts.document)}`,
    ],
    ["source", description.source],
    ["licence", description.licence ?? "not stated"],
    ["fingerprint", description.fingerprint],
    ["folder", folder],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  printText(rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join("\n"));
}

interface VerifyOptions extends ModelsOptions {
  readonly against?: string;
}

/** `braid models verify <model>`: files, probe texts, reference vectors, loss of quantisation. */
export async function verifyCommand(options: VerifyOptions, model: string): Promise<void> {
  const folder = resolveModelDir(model, placesOf(options));
  const certificate = await verifyModel(
    folder,
    openModel,
    options.against === undefined
      ? {}
      : { against: resolveModelDir(options.against, placesOf(options)) },
  );
  if (options.json === true) printJson(certificate);
  else printText(describeCertificate(certificate));
  if (certificate.problems.length > 0) throw new SilentFailure();
}

function openModel(folder: string, description: ModelDescription): Promise<ModelSession> {
  return ModelSession.open(folder, description, { workers: 1 });
}

function describeCertificate(certificate: Certificate): string {
  const { name, fingerprint, fileCount, probeCount, batching, parity, quantization } = certificate;
  const compared = (what: string, agreement: Agreement | null): string[] =>
    agreement === null
      ? []
      : [
          `${what}: largest difference ${agreement.largestDifference.toExponential(1)} over ` +
            `${agreement.count} texts, cosine mean ${agreement.meanCosine.toFixed(6)}, ` +
            `least ${agreement.minCosine.toFixed(6)}`,
        ];
  return [
    `${name} ${fingerprint}`,
    `${fileCount} files as imported; ${probeCount} probe texts encoded`,
    ...compared("alone against in one batch", batching),
    ...compared("against the folder's reference vectors", parity),
    ...compared("against the model it was quantised from", quantization),
    ...certificate.problems.map((problem) => `problem: ${problem}`),
    certificate.problems.length === 0 ? "verified" : "not verified",
  ].join("\n");
}

interface ModelRow {
  readonly name: string;
  readonly description: ModelDescription | null;
  readonly problem: string | null;
}

async function rowOf(folder: string, name: string): Promise<ModelRow> {
  try {
    return { name, description: await readModelDescription(folder), problem: null };
  } catch (error) {
    return { name, description: null, problem: error instanceof Error ? error.message : "" };
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .sort();
  } catch {
    // A models folder that is not there holds no models.
    return [];
  }
}

function sizeOf({ files }: ModelDescription): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function placesOf({ models }: ModelsOptions): { modelsDir?: string } {
  return models === undefined ? {} : { modelsDir: models };
}

/** Draws a download on a terminal. */
function downloadLine(options: CommonOptions): (progress: DownloadProgress) => void {
  if (process.stderr.isTTY !== true || options.quiet === true || options.json === true) {
    return () => undefined;
  }
  let drawnMs = 0;
  return ({ file, totalBytes, totalDoneBytes }) => {
    const isDone = totalDoneBytes === totalBytes;
    if (!isDone && performance.now() - drawnMs < 100) return;
    drawnMs = performance.now();
    const line = `${formatBytes(totalDoneBytes)} of ${formatBytes(totalBytes)}  ${file}`;
    process.stderr.write(isDone ? "\r\x1b[K" : `\r\x1b[K${line}`);
  };
}
