import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { NotFoundError } from "../errors.js";

/** Where the judged queries of a data set are. */
export interface DatasetFiles {
  readonly name: string;
  readonly topics: string;
  readonly qrels: string;
  /** Documents, where the folder has them. */
  readonly corpus: string | null;
}

/**
 * Files of a BEIR folder: `queries.jsonl`, `qrels/<split>.tsv` and, if it is there, `corpus.jsonl`;
 * each may be gzipped.
 *
 * @throws {NotFoundError} no queries or no judgements of that split
 */
export function datasetFiles(folder: string, split: string, name?: string): DatasetFiles {
  return {
    name: name ?? path.basename(path.resolve(folder)),
    topics: required(folder, "queries.jsonl"),
    qrels: required(path.join(folder, "qrels"), `${split}.tsv`),
    corpus: optional(folder, "corpus.jsonl"),
  };
}

function optional(folder: string, name: string): string | null {
  const found = [name, `${name}.gz`].find((candidate) => existsSync(path.join(folder, candidate)));
  return found === undefined ? null : path.join(folder, found);
}

function required(folder: string, name: string): string {
  const found = optional(folder, name);
  if (found === null) {
    throw new NotFoundError(`expected ${name} or ${name}.gz in ${folder}, found neither`, {
      path: folder,
    });
  }
  return found;
}

/** SHA-256 of a file, in hex. */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
