import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { writeTrecRun } from "../run/trec-run-writer.js";
import type { ComparedDataset, ComparisonReport } from "./comparison.js";
import { comparisonHtml } from "./comparison-html.js";
import { comparisonLatex } from "./comparison-latex.js";
import { comparisonMarkdown } from "./comparison-markdown.js";

/**
 * Writes a comparison into a folder: `report.html`, `report.md`, `report.json`, `report.tex`, and
 * the runs as `runs/<data set>/<system>.trec`. Files of that name are replaced, each as a whole.
 *
 * @returns the files written, relative to the folder
 */
export async function writeComparison(
  directory: string,
  report: ComparisonReport,
  datasets: readonly ComparedDataset[],
): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const written: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    await writeWhole(path.join(directory, name), text);
    written.push(name);
  };
  await write("report.html", comparisonHtml(report));
  await write("report.md", comparisonMarkdown(report));
  await write("report.tex", comparisonLatex(report));
  await write("report.json", `${JSON.stringify(report, null, 1)}\n`);
  const used = new Set<string>();
  for (const { name, systems } of datasets) {
    for (const system of systems) {
      const file = path.posix.join("runs", fileName(name), `${fileName(system.name)}.trec`);
      let unique = file;
      for (let copy = 2; used.has(unique); copy++)
        unique = file.replace(/\.trec$/, `-${copy}.trec`);
      used.add(unique);
      await mkdir(path.join(directory, path.dirname(unique)), { recursive: true });
      await writeTrecRun(path.join(directory, unique), system.run, fileName(system.name));
      written.push(unique);
    }
  }
  return written;
}

/** Replaces a file as a whole: a reader sees the old one or the new one. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, text);
  await rename(unfinished, file);
}

/** A name as part of a path: letters, digits and `.=,()-`, never hidden, never empty. */
export function fileName(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[^\p{L}\p{N}.=,()]+/gu, "-")
    .replace(/^[-.]+|-+$/g, "");
  return plain === "" ? "unnamed" : plain.slice(0, 100);
}
