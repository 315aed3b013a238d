import type { ExperimentAnalysis } from "./experiment-analysis.js";
import type { ExperimentResult } from "./run-experiment.js";

/** Every cell as a line of CSV (RFC 4180), for spreadsheets and data frames. */
export function experimentCsv(
  { plan, cells, datasets }: ExperimentResult,
  { front }: ExperimentAnalysis,
): string {
  const measures = plan.measures.map(({ name }) => name);
  const chosenOn = new Map(datasets.map((summary) => [summary.name, summary.chosenOn]));
  const header = [
    "dataset",
    "split",
    "chosen_on",
    "first_stage",
    "reranker",
    "rerank_depth",
    "weight",
    "queries",
    ...measures,
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "pareto",
  ];
  const rows = cells.map((cell) => [
    cell.dataset,
    cell.split,
    chosenOn.get(cell.dataset) ?? "",
    cell.firstStage,
    cell.reranker ?? "",
    cell.rerankDepth,
    cell.weight,
    cell.queryCount,
    ...measures.map((measure) => (cell.mean[measure] ?? 0).toFixed(6)),
    cell.ms.mean,
    cell.ms.p50,
    cell.ms.p95,
    front.has(cell.key) ? 1 : 0,
  ]);
  return [header, ...rows]
    .map((row) => row.map((cell) => csvCell(String(cell))).join(","))
    .join("\r\n")
    .concat("\r\n");
}

/** Quoted where needed; a text that a spreadsheet would run as a formula is given a leading quote. */
function csvCell(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) || /^-(?!\d)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
