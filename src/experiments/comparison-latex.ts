import type { ComparisonReport } from "./comparison.js";
import { decimals, letter } from "./decimals.js";

/**
 * The measure table for a paper: needs `\usepackage{booktabs}`. One block per data set, the best
 * value of each measure bold, raised letters for significance as in the report.
 */
export function comparisonLatex(report: ComparisonReport): string {
  const { measures, datasets, level } = report;
  const lines = [
    "% needs \\usepackage{booktabs}",
    "\\begin{table}",
    "\\centering",
    `\\caption{${latexText(`Values are averaged over all judged queries. Raised letters: significantly better than that system of the same data set (${report.test}, level ${level}).`)}}`,
    `\\begin{tabular}{l${"r".repeat(measures.length)}}`,
    "\\toprule",
    `System & ${measures.map(latexText).join(" & ")} \\\\`,
  ];
  for (const { name, queryCount, systems } of datasets) {
    lines.push(
      "\\midrule",
      `\\multicolumn{${measures.length + 1}}{l}{\\textit{${latexText(name)}} (${queryCount} queries)} \\\\`,
    );
    for (const [s, system] of systems.entries()) {
      const cells = measures.map((measure) => {
        const value = system.mean[measure] ?? 0;
        const best = Math.max(...systems.map(({ mean }) => mean[measure] ?? 0));
        const beaten = (system.betterThan[measure] ?? [])
          .map((other) => letter(systems.findIndex((candidate) => candidate.name === other)))
          .sort();
        const text = decimals(value).replace("−", "-");
        const shown = value === best ? `\\textbf{${text}}` : text;
        return beaten.length === 0 ? shown : `${shown}\\textsuperscript{${beaten.join("")}}`;
      });
      lines.push(`${letter(s)}\\ \\ ${latexText(system.name)} & ${cells.join(" & ")} \\\\`);
    }
  }
  lines.push("\\bottomrule", "\\end{tabular}", "\\end{table}");
  return `${lines.join("\n")}\n`;
}

const latexSpecials: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "·": "\\textperiodcentered{}",
  "−": "--",
  "…": "\\ldots{}",
};

/** Names from outside as LaTeX text. */
export function latexText(text: string): string {
  return text
    .replace(/[\\~^·−…]|[&%$#_{}]/g, (sign) => latexSpecials[sign] ?? `\\${sign}`)
    .replace(/\s+/g, " ");
}
