import { type LineSeries, lineChart } from "./charts/line-chart.js";
import type { Provenance } from "./comparison.js";
import { count, decimals, pValueText, signed } from "./decimals.js";
import type { Choice, DepthCurve, ExperimentAnalysis } from "./experiment-analysis.js";
import { type Html, html } from "./html.js";
import { dataTable, folded, type PageSection, reportPage } from "./report-page.js";
import type { CellResult, DatasetSummary, ExperimentResult } from "./run-experiment.js";

/** An experiment as one HTML page that needs nothing else. */
export function experimentHtml(
  result: ExperimentResult,
  analysis: ExperimentAnalysis,
  provenance: Provenance,
): string {
  const { plan, datasets, failures } = result;
  const lead = html`${analysis.choices.map((choice) => html`<p class="headline">${choiceSentence(choice, analysis.measure)}</p>`)}${warnings(
    datasets,
  ).map(
    (warning) => html`<p class="warning" role="alert">${warning}</p>`,
  )}${failures.length === 0 ? null : html`<p class="warning" role="alert">${failures.length === 1 ? "One part" : `${failures.length} parts`} of the plan failed; see below. What is shown is the rest.</p>`}<p class="note">Values are ${analysis.measure} over all judged queries, with 95 % bootstrap intervals. Times are of one query after the other on this machine: first stage and reranking, the encoder included.</p>`;
  return reportPage(`Experiment: ${plan.name}`, lead, [
    { id: "chosen", title: "What was chosen, and what it is worth", body: choicesBody(analysis) },
    ...datasets.map((summary, d) => datasetSection(result, analysis, summary, `d${d + 1}`)),
    ...(failures.length === 0 ? [] : [failuresSection(result)]),
    provenanceSection(result, provenance),
  ]);
}

/** What a reader must know before believing a figure. */
export function warnings(datasets: readonly DatasetSummary[]): string[] {
  return datasets.flatMap(({ name, chosenOn, sharedCount }) => {
    if (chosenOn === "test") {
      return [
        `${name}: settings were chosen on the test queries, so the figures of the chosen ones are too good. Name a dev split in the plan, or "dev: half".`,
      ];
    }
    return sharedCount === 0
      ? []
      : [
          `${name}: ${sharedCount} queries are in dev and in test, so the test figures are partly those that settings were chosen by.`,
        ];
  });
}

/** How a configuration is called. */
export function cellName({
  firstStage,
  reranker,
  rerankDepth,
  weight,
}: Pick<CellResult, "firstStage" | "reranker" | "rerankDepth" | "weight">): string {
  if (reranker === null) return `${firstStage}, not reranked`;
  return `${firstStage} + ${reranker} to depth ${rerankDepth}${weight === 1 ? "" : `, weight ${weight}`}`;
}

export function choiceSentence(
  { dataset, chosenOn, cell, testValue, baseline }: Choice,
  measure: string,
): string {
  const opening = `${dataset}: ${cellName(cell)}, chosen on ${chosenOn === "dev" ? "dev queries" : "the TEST queries themselves"}, has ${measure} ${decimals(testValue)} on test`;
  if (cell.reranker === null) return `${opening}: no reranker of the plan was better than none.`;
  const sure = baseline.pValue < 0.05 ? "more than chance" : "which may be chance";
  return `${opening}, ${signed(baseline.difference)} against ${baseline.firstStage} without reranking (${decimals(baseline.testValue)}), ${sure} (${pValueText(baseline.pValue)}).`;
}

function choicesBody({ choices, measure }: ExperimentAnalysis): Html {
  return dataTable(
    `Configurations chosen by ${measure}, against the best first stage without reranking`,
    [
      { title: "data set" },
      { title: "chosen" },
      { title: "on" },
      ...[
        "on dev",
        "on test",
        "95 % interval",
        "without reranking",
        "difference",
        "95 % interval",
        "p",
        "mean ms",
      ].map((title) => ({ title, numeric: true })),
    ],
    choices.map(({ dataset, cell, chosenOn, devValue, testValue, interval, baseline, ms }) => [
      dataset,
      cellName(cell),
      chosenOn,
      chosenOn === "dev" ? decimals(devValue) : "",
      decimals(testValue),
      `${decimals(interval.low)} … ${decimals(interval.high)}`,
      `${decimals(baseline.testValue)} (${baseline.firstStage})`,
      signed(baseline.difference),
      `${signed(baseline.interval.low)} … ${signed(baseline.interval.high)}`,
      pValueText(baseline.pValue),
      baseline === undefined ? "" : ms.toFixed(1),
    ]),
  );
}

function datasetSection(
  { plan, cells }: ExperimentResult,
  analysis: ExperimentAnalysis,
  { name, testCount, devCount }: DatasetSummary,
  id: string,
): PageSection {
  const test = cells.filter(({ dataset, split }) => dataset === name && split === "test");
  const curves = analysis.curves.filter(({ dataset }) => dataset === name);
  return {
    id,
    title: name,
    body: html`<p>${count(testCount)} test queries${devCount === 0 ? "" : `, ${count(devCount)} dev queries`}.</p>`,
    sections: [
      ...(curves.length === 0
        ? []
        : [
            {
              id: `${id}-depth`,
              title: "Quality by rerank depth",
              body: depthBody(curves, id, analysis.measure),
            },
            { id: `${id}-time`, title: "Quality by time", body: timeBody(test, analysis, id) },
          ]),
      {
        id: `${id}-cells`,
        title: "All figures",
        body: folded(
          `${test.length} configurations on the test queries`,
          dataTable(
            `Every configuration on the test queries of ${name}; ◆ marks those that none beats in quality at no more time`,
            [
              { title: "configuration" },
              ...plan.measures.map((measure) => ({ title: measure.name, numeric: true })),
              ...["mean ms", "median ms", "95th percentile ms"].map((title) => ({
                title,
                numeric: true,
              })),
            ],
            test.map((cell) => [
              `${cellName(cell)}${analysis.front.has(cell.key) ? " ◆" : ""}`,
              ...plan.measures.map((measure) => decimals(cell.mean[measure.name] ?? 0)),
              ...[cell.ms.mean, cell.ms.p50, cell.ms.p95].map((ms) => ms.toFixed(2)),
            ]),
          ),
        ),
      },
    ],
  };
}

function depthBody(curves: readonly DepthCurve[], id: string, measure: string): Html {
  const stages = [...new Set(curves.map(({ firstStage }) => firstStage))];
  const names = [...new Set(curves.map(curveName))];
  return html`<div class="grid">${stages.map((stage, s) => {
    const own = curves.filter(({ firstStage }) => firstStage === stage);
    return html`<figure><figcaption>${measure} after ${stage}</figcaption>${lineChart({
      id: `${id}-depth${s + 1}`,
      title: `${measure} by rerank depth after ${stage}`,
      description:
        "One line per reranker; depth 0 is the first stage alone; whiskers are 95 % intervals. Figures in the table below.",
      xLabel: "documents reranked",
      yLabel: measure,
      xScale: "linear",
      series: own.map(
        (curve): LineSeries => ({
          name: curveName(curve),
          style: names.indexOf(curveName(curve)),
          points: curve.points.map(({ depth, value, low, high }) => ({
            x: depth,
            y: value,
            low,
            high,
          })),
        }),
      ),
    })}</figure>`;
  })}</div>${dataTable(
    `Smallest rerank depth that keeps 99 % of the best ${measure} of its row, and where resampled query sets put it (95 %)`,
    [
      { title: "first stage" },
      { title: "reranker" },
      ...["smallest depth", "95 % interval", "not reranked", "best", "at depth"].map((title) => ({
        title,
        numeric: true,
      })),
    ],
    curves.map((curve) => {
      const best = curve.points.reduce((top, point) => (point.value > top.value ? point : top));
      return [
        curve.firstStage,
        curveName(curve),
        String(curve.enough.depth),
        `${curve.enough.low} … ${curve.enough.high}`,
        decimals(curve.points.find(({ depth }) => depth === 0)?.value ?? 0),
        decimals(best.value),
        String(best.depth),
      ];
    }),
  )}`;
}

function curveName({ reranker, weight }: DepthCurve): string {
  return weight === 1 ? reranker : `${reranker}, weight ${weight}`;
}

function timeBody(
  test: readonly CellResult[],
  { front, measure }: ExperimentAnalysis,
  id: string,
): Html {
  const stages = [...new Set(test.map(({ firstStage }) => firstStage))];
  const point = (cell: CellResult) => ({
    x: Math.max(0.001, cell.ms.mean),
    y: cell.mean[measure] ?? 0,
  });
  const best = test.filter(({ key }) => front.has(key)).sort((a, b) => a.ms.mean - b.ms.mean);
  return html`<div class="grid"><figure><figcaption>${measure} against mean milliseconds per query</figcaption>${lineChart(
    {
      id: `${id}-front`,
      title: `${measure} against time of every configuration`,
      description:
        "One mark per configuration, by first stage; the line joins those that none beats in quality at no more time, listed in the table.",
      xLabel: "mean ms per query",
      yLabel: measure,
      xScale: "log",
      series: [
        ...stages.map(
          (stage, s): LineSeries => ({
            name: stage,
            style: s,
            scattered: true,
            points: test.filter(({ firstStage }) => firstStage === stage).map(point),
          }),
        ),
        { name: "best for its time", style: 5, points: best.map(point) },
      ],
    },
  )}</figure><div>${dataTable(
    "Configurations that none beats in quality at no more time",
    [
      { title: "configuration" },
      { title: measure, numeric: true },
      { title: "mean ms", numeric: true },
    ],
    best.map((cell) => [
      cellName(cell),
      decimals(cell.mean[measure] ?? 0),
      cell.ms.mean.toFixed(2),
    ]),
  )}</div></div>`;
}

function failuresSection({ failures }: ExperimentResult): PageSection {
  return {
    id: "failures",
    title: "What failed",
    body: dataTable(
      "Parts of the plan that failed; the next run of the same command tries them again",
      [{ title: "data set" }, { title: "reranker" }, { title: "code" }, { title: "message" }],
      failures.map(({ dataset, reranker, code, message }) => [
        dataset,
        reranker ?? "all",
        code,
        message,
      ]),
    ),
  };
}

function provenanceSection(
  { plan, datasets }: ExperimentResult,
  provenance: Provenance,
): PageSection {
  return {
    id: "provenance",
    title: "How to make this report again",
    body: html`<pre>${provenance.command}</pre><p>Braid ${provenance.braidVersion}, Node ${provenance.nodeVersion}, ${provenance.platform}, seed ${String(plan.seed)}, ${provenance.createdAt}. The plan:</p><pre>${plan.text}</pre>${dataTable(
      "Queries",
      [
        { title: "data set" },
        { title: "dev", numeric: true },
        { title: "test", numeric: true },
        { title: "chosen on" },
      ],
      datasets.map(({ name, devCount, testCount, chosenOn }) => [
        name,
        count(devCount),
        count(testCount),
        chosenOn,
      ]),
    )}`,
  };
}
