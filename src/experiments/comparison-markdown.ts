import type { ComparisonReport, DatasetReport, HeadToHead } from "./comparison.js";
import { binLabel } from "./comparison-html.js";
import { decimals, letter, pValueText, signed } from "./decimals.js";

/** The comparison as Markdown for a README or a pull request: the figures, without the charts. */
export function comparisonMarkdown(report: ComparisonReport): string {
  const names = report.datasets.map(({ name }) => name).join(", ");
  return [
    `# Comparison of search systems: ${markdownText(names)}`,
    `**${markdownText(report.headline)}**`,
    `Values are averaged over all judged queries (a query without hits counts 0). Raised letters name the systems that a system is significantly better than: ${markdownText(report.test)}, level ${report.level}.`,
    ...report.datasets.flatMap((dataset) => datasetBlocks(dataset, report)),
    "## How to make this report again",
    `\`\`\`sh\n${report.provenance.command}\n\`\`\``,
    `Braid ${report.provenance.braidVersion}, Node ${report.provenance.nodeVersion}, ${report.provenance.platform}, seed ${report.seed}, ${report.provenance.createdAt}.`,
  ]
    .join("\n\n")
    .concat("\n");
}

function datasetBlocks(dataset: DatasetReport, { measures }: ComparisonReport): string[] {
  const { systems, pairs } = dataset;
  const best = (measure: string): number =>
    Math.max(...systems.map(({ mean }) => mean[measure] ?? 0));
  return [
    `## ${markdownText(dataset.name)}`,
    markdownText(dataset.headline),
    ...dataset.notes.map(markdownText),
    markdownTable(
      ["system", ...measures, "unjudged", "median ms"],
      systems.map((system, s) => [
        `${letter(s)} · ${system.name}`,
        ...measures.map((measure) => {
          const value = system.mean[measure] ?? 0;
          const beaten = (system.betterThan[measure] ?? [])
            .map((name) => letter(systems.findIndex((other) => other.name === name)))
            .sort();
          const text = value === best(measure) ? `**${decimals(value)}**` : decimals(value);
          return beaten.length === 0 ? text : `${text}<sup>${beaten.join("")}</sup>`;
        }),
        `${(100 * system.unjudged.share).toFixed(1)} %`,
        system.latency === null ? "" : system.latency.p50Ms.toFixed(2),
      ]),
    ),
    markdownTable(
      [
        "first − second",
        "difference",
        "95 % interval",
        "wins / ties / losses",
        "p (Holm)",
        "verdict",
      ],
      pairs.map((pair) => [
        `${pair.first} − ${pair.second}`,
        signed(pair.meanDifference),
        `${signed(pair.interval.low)} … ${signed(pair.interval.high)}`,
        `${pair.queries.wins} / ${pair.queries.ties} / ${pair.queries.losses}`,
        pValueText(pair.correctedPValue),
        pair.significant ? "different" : pair.equivalence.equivalent ? "equivalent" : "undecided",
      ]),
    ),
    ...dataset.headToHead.flatMap((pair) => headToHeadBlocks(pair)),
  ];
}

function headToHeadBlocks({ first, second, found, oracle, features }: HeadToHead): string[] {
  return [
    `### ${markdownText(first)} and ${markdownText(second)} together`,
    `Choosing the better of the two per query would give ${decimals(oracle)}.`,
    markdownTable(
      ["depth", "both", `only ${first}`, `only ${second}`, "neither", "recall together"],
      found.map((row) =>
        [row.depth, row.both, row.onlyFirst, row.onlySecond, row.neither]
          .map(String)
          .concat(decimals(row.unionRecall)),
      ),
    ),
    ...(features.length === 0
      ? []
      : [
          markdownTable(
            ["queries by", "group", "queries", `${first} − ${second}`],
            features.flatMap((feature) =>
              feature.bins.map((bin) => [
                feature.name,
                binLabel(bin, feature),
                String(bin.queryCount),
                signed(bin.meanDifference),
              ]),
            ),
          ),
        ]),
  ];
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(" | ")} |`;
  return [
    line(header),
    `| ${header.map((_, i) => (i === 0 ? "---" : "---:")).join(" | ")} |`,
    ...rows.map(line),
  ].join("\n");
}

/** Cells hold our own emphasis; only what would end the cell is escaped. */
function markdownCell(text: string): string {
  return text.replace(/\|/g, "\\|").replace(/\r?\n/g, " ");
}

/** Names from outside as text: nothing in them is markup. */
export function markdownText(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, "\\$&").replace(/\r?\n/g, " ");
}
