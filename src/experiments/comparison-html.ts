import { differenceChart } from "./charts/difference-chart.js";
import { intervalChart } from "./charts/interval-chart.js";
import { lineChart } from "./charts/line-chart.js";
import { scatterChart } from "./charts/scatter-chart.js";
import { shareChart } from "./charts/share-chart.js";
import type { ComparisonReport, DatasetReport, HeadToHead, SystemReport } from "./comparison.js";
import { count, decimals, letter, pValueText, signed } from "./decimals.js";
import { type Html, html } from "./html.js";
import type { FeatureEffect } from "./query-features.js";
import { dataTable, folded, type PageSection, reportPage } from "./report-page.js";
import type { ExampleDocument, ExamplePassage, WorkedExample } from "./worked-examples.js";

/** The comparison as one HTML page that needs nothing else. */
export function comparisonHtml(report: ComparisonReport): string {
  const names = report.datasets.map(({ name }) => name).join(", ");
  const measure = report.measures[0] ?? "";
  const lead = html`<p class="headline">${report.headline}</p>
<p class="note">Data: ${names}. Measures are trec_eval's, averaged over all judged queries (a query without hits counts 0). Intervals are 95 % bootstrap intervals over queries; differences are tested by ${report.test}, at level ${String(report.level)}.</p>`;
  return reportPage(`Comparison of search systems: ${names}`, lead, [
    ...(report.datasets.length > 1 ? [overview(report, measure)] : []),
    ...report.datasets.map((dataset, d) => datasetSection(report, dataset, d, measure)),
    provenanceSection(report),
  ]);
}

function overview({ datasets }: ComparisonReport, measure: string): PageSection {
  const names = [...new Set(datasets.flatMap(({ systems }) => systems.map(({ name }) => name)))];
  return {
    id: "overview",
    title: "All data sets at a glance",
    body: html`<figure><figcaption>${measure} with 95 % intervals</figcaption>${intervalChart({
      id: "overview-chart",
      title: `${measure} of every system on every data set`,
      description:
        "One row per system under the name of its data set; the figures are in the table below.",
      xLabel: measure,
      groups: datasets.map(({ name, systems }) => ({
        heading: name,
        rows: systems.map((system) => ({
          label: system.name,
          style: names.indexOf(system.name),
          value: system.mean[measure] ?? 0,
          low: system.interval.low,
          high: system.interval.high,
        })),
      })),
    })}</figure>${dataTable(
      `${measure} by data set; the best of each in bold`,
      [{ title: "system" }, ...datasets.map(({ name }) => ({ title: name, numeric: true }))],
      names.map((name) => [
        name,
        ...datasets.map(({ systems }) => {
          const system = systems.find((candidate) => candidate.name === name);
          if (system === undefined) return "";
          const best = Math.max(...systems.map(({ mean }) => mean[measure] ?? 0));
          const text = decimals(system.mean[measure] ?? 0);
          return system.mean[measure] === best ? html`<b>${text}</b>` : text;
        }),
      ]),
    )}`,
  };
}

function datasetSection(
  report: ComparisonReport,
  dataset: DatasetReport,
  index: number,
  measure: string,
): PageSection {
  const id = `d${index + 1}`;
  const styleOf = styles(dataset);
  return {
    id,
    title: dataset.name,
    body: html`${report.datasets.length === 1 ? null : html`<p class="headline">${dataset.headline}</p>`}<p>${facts(dataset)}</p>${dataset.notes.map((note) => html`<p class="note">${note}</p>`)}`,
    sections: [
      {
        id: `${id}-measures`,
        title: "How good each system is",
        body: measuresBody(report, dataset, id, measure, styleOf),
      },
      { id: `${id}-depth`, title: "Recall by depth", body: recallBody(dataset, id, styleOf) },
      ...dataset.headToHead.flatMap((pair, p) =>
        headToHeadSections(dataset, pair, `${id}-p${p + 1}`, measure, styleOf),
      ),
      { id: `${id}-cost`, title: "Time and space", body: costBody(dataset) },
    ],
  };
}

/** The look of each system: its place among the systems of its data set. */
function styles({ systems }: DatasetReport): (name: string) => number {
  const order = systems.map(({ name }) => name);
  return (name) => Math.max(0, order.indexOf(name));
}

function facts({
  queryCount,
  judgementCount,
  queriesWithoutRelevant,
  collections,
}: DatasetReport): string {
  const documents = collections[0]?.documentCount;
  return [
    documents === undefined ? null : `${count(documents)} documents`,
    `${count(queryCount)} judged queries`,
    `${count(judgementCount)} judgements`,
    queriesWithoutRelevant === 0
      ? null
      : `${count(queriesWithoutRelevant)} queries without a relevant document (they count 0)`,
  ]
    .filter((part) => part !== null)
    .join(", ")
    .concat(".");
}

function measuresBody(
  { measures, level }: ComparisonReport,
  dataset: DatasetReport,
  id: string,
  measure: string,
  styleOf: (name: string) => number,
): Html {
  const { systems, pairs } = dataset;
  return html`${dataTable(
    `Measures on ${dataset.name}. A raised letter names a system that this one is significantly better than (Holm-corrected p < ${String(level)}); the best value of each measure is bold.`,
    [{ title: "system" }, ...measures.map((title) => ({ title, numeric: true }))],
    systems.map((system, s) => [
      html`${letter(s)} · ${system.name}`,
      ...measures.map((name) => measureCell(system, name, systems)),
    ]),
  )}<div class="grid"><figure><figcaption>${measure}: 95 % interval, and how far unjudged documents could move it</figcaption>${intervalChart(
    {
      id: `${id}-interval`,
      title: `${measure} of each system on ${dataset.name}`,
      description:
        "Thick line: 95 % bootstrap interval. Dashed line: from the value up to what it would be if every unjudged document within the cut-off were relevant.",
      xLabel: measure,
      groups: [
        {
          heading: "",
          rows: systems.map((system) => ({
            label: system.name,
            style: styleOf(system.name),
            value: system.mean[measure] ?? 0,
            low: system.interval.low,
            high: system.interval.high,
            outerLow: system.unjudged.low,
            outerHigh: system.unjudged.high,
          })),
        },
      ],
    },
  )}</figure><div>${dataTable(
    `Unjudged documents on ${dataset.name}: share among the first hits, and the range in which ${measure} could lie`,
    [
      { title: "system" },
      { title: "unjudged", numeric: true },
      { title: `${measure} from … to`, numeric: true },
      { title: "no hits", numeric: true },
    ],
    systems.map(({ name, unjudged, queriesWithoutHits }) => [
      name,
      `${(100 * unjudged.share).toFixed(1)} %`,
      `${decimals(unjudged.low)} … ${decimals(unjudged.high)}`,
      String(queriesWithoutHits),
    ]),
  )}<p class="note">${unjudgedNote(systems)}</p></div></div>${folded(
    "Every pair: difference, interval, effect size, tests",
    dataTable(
      `Differences in ${measure} on ${dataset.name}, first minus second; equivalence is tested within ±${decimals(pairs[0]?.equivalence.margin ?? 0)} (two one-sided t tests)`,
      [
        { title: "first − second" },
        ...[
          "difference",
          "95 % interval",
          "effect size",
          "wins / ties / losses",
          "p (Holm)",
          "verdict",
        ].map((title) => ({ title, numeric: true })),
      ],
      pairs.map((pair) => [
        `${pair.first} − ${pair.second}`,
        signed(pair.meanDifference),
        `${signed(pair.interval.low)} … ${signed(pair.interval.high)}`,
        Number.isFinite(pair.effectSize) ? decimals(pair.effectSize, 2) : "∞",
        `${pair.queries.wins} / ${pair.queries.ties} / ${pair.queries.losses}`,
        pValueText(pair.correctedPValue),
        pair.significant
          ? "different"
          : pair.equivalence.equivalent
            ? `equivalent (${pValueText(pair.equivalence.pValue)})`
            : "undecided",
      ]),
    ),
  )}`;
}

function measureCell(
  system: SystemReport,
  measure: string,
  systems: readonly SystemReport[],
): Html {
  const value = system.mean[measure] ?? 0;
  const best = Math.max(...systems.map(({ mean }) => mean[measure] ?? 0));
  const beaten = (system.betterThan[measure] ?? []).map((name) =>
    letter(systems.findIndex((other) => other.name === name)),
  );
  const text = decimals(value);
  const shown = value === best ? html`<b>${text}</b>` : html`${text}`;
  return beaten.length === 0 ? shown : html`${shown}<sup>${beaten.sort().join("")}</sup>`;
}

function unjudgedNote(systems: readonly SystemReport[]): string {
  const shares = systems.map(({ unjudged }) => unjudged.share);
  const cutoff = systems[0]?.unjudged.cutoff ?? 10;
  const [most, least] = [Math.max(...shares), Math.min(...shares)];
  const sorted = [...systems].sort((a, b) => a.unjudged.share - b.unjudged.share);
  if (most - least < 0.02) {
    return `Of the first ${cutoff} hits, systems have like shares without judgement, so the judgements favour none of them${most > 0.5 ? "; with so few judged, the upper ends are far out of reach" : ""}.`;
  }
  return `${sorted.at(-1)?.name} has more unjudged documents among its first ${cutoff} than ${sorted[0]?.name} (${(100 * most).toFixed(1)} % against ${(100 * least).toFixed(1)} %): its value is the one more likely to be too low.`;
}

function recallBody(
  { depths, recall, systems }: DatasetReport,
  id: string,
  styleOf: (name: string) => number,
): Html {
  return html`<div class="grid"><figure><figcaption>Mean recall by depth</figcaption>${lineChart({
    id: `${id}-recall`,
    title: "Mean recall by depth",
    description:
      "One line per system over depth on a logarithmic axis; the figures are in the table beside it.",
    xLabel: "depth (documents read)",
    yLabel: "recall",
    xScale: "log",
    yDomain: [0, 1],
    series: systems.map(({ name }) => ({
      name,
      style: styleOf(name),
      points: depths.map((depth, d) => ({ x: depth, y: recall[name]?.[d] ?? 0 })),
    })),
  })}</figure><div>${dataTable(
    "Mean recall by depth",
    [{ title: "depth" }, ...systems.map(({ name }) => ({ title: name, numeric: true }))],
    depths.map((depth, d) => [
      count(depth),
      ...systems.map(({ name }) => decimals(recall[name]?.[d] ?? 0)),
    ]),
  )}</div></div>`;
}

function headToHeadSections(
  dataset: DatasetReport,
  pair: HeadToHead,
  id: string,
  measure: string,
  styleOf: (name: string) => number,
): PageSection[] {
  const { first, second } = pair;
  return [
    {
      id: `${id}-queries`,
      title: `${first} against ${second}, query by query`,
      body: queriesBody(pair, id, measure, styleOf),
    },
    {
      id: `${id}-found`,
      title: `What ${first} and ${second} find together`,
      body: foundBody(dataset, pair, id, measure),
    },
    ...(pair.features.length === 0
      ? []
      : [
          {
            id: `${id}-why`,
            title: `Which queries ${first} and ${second} win, and why`,
            body: whyBody(pair, id, measure),
          },
        ]),
    ...(pair.firstWins.length + pair.secondWins.length === 0
      ? []
      : [
          {
            id: `${id}-examples`,
            title: "Worked examples",
            body: html`${examples(pair, true)}${examples(pair, false)}`,
          },
        ]),
  ];
}

function queriesBody(
  pair: HeadToHead,
  id: string,
  measure: string,
  styleOf: (name: string) => number,
): Html {
  const { first, second, queries } = pair;
  const firstWins = queries.filter((query) => query.first > query.second).length;
  const secondWins = queries.filter((query) => query.first < query.second).length;
  const zero = queries.filter((query) => query.first === 0 && query.second === 0).length;
  return html`<p>${first} is better on ${String(firstWins)} queries, ${second} on ${String(secondWins)}, and they are equal on ${String(queries.length - firstWins - secondWins)}; both have 0 on ${String(zero)}.</p><div class="grid"><figure><figcaption>${measure} of each query</figcaption>${scatterChart(
    {
      id: `${id}-scatter`,
      title: `${measure} per query, ${first} against ${second}`,
      description: `Each mark is one query, or several at one place; marks below the diagonal are better with ${first} (${firstWins}), above with ${second} (${secondWins}).`,
      xName: first,
      yName: second,
      xStyle: styleOf(first),
      yStyle: styleOf(second),
      points: queries.map((query) => ({ x: query.first, y: query.second })),
    },
  )}</figure><figure><figcaption>Wins and losses</figcaption>${differenceChart({
    id: `${id}-wins`,
    title: `Differences in ${measure} per query, sorted`,
    description: `Bars above the line are queries that ${first} wins (${firstWins}), below that ${second} wins (${secondWins}).`,
    firstName: first,
    secondName: second,
    firstStyle: styleOf(first),
    secondStyle: styleOf(second),
    measure,
    differences: queries.map((query) => query.first - query.second),
  })}</figure></div>${folded(
    `All ${queries.length} queries as a table`,
    dataTable(
      `${measure} per query`,
      [
        { title: "query" },
        { title: first, numeric: true },
        { title: second, numeric: true },
        { title: "difference", numeric: true },
      ],
      queries.map((query) => [
        query.queryId,
        decimals(query.first),
        decimals(query.second),
        signed(query.first - query.second),
      ]),
    ),
  )}`;
}

function foundBody(dataset: DatasetReport, pair: HeadToHead, id: string, measure: string): Html {
  const { first, second, found, overlap, oracle } = pair;
  const best = dataset.systems.reduce((top, system) =>
    (system.mean[measure] ?? 0) > (top.mean[measure] ?? 0) ? system : top,
  );
  const parts = (row: HeadToHead["found"][number]) => [
    { name: "both", className: "both", count: row.both },
    { name: `only ${first}`, className: "first", count: row.onlyFirst },
    { name: `only ${second}`, className: "second", count: row.onlySecond },
    { name: "neither", className: "neither", count: row.neither },
  ];
  return html`<p>Choosing the better of the two for each query would give ${measure} ${decimals(oracle)}; choosing among all systems ${decimals(dataset.oracle)}. The best system, ${best.name}, reaches ${decimals(best.mean[measure] ?? 0)}.</p><div class="grid"><figure><figcaption>Relevant documents by who found them</figcaption>${shareChart(
    {
      id: `${id}-share`,
      title: `Relevant documents found by ${first}, ${second}, both or neither`,
      description:
        "One bar per depth, parted from left to right: both, only the first, only the second, neither; counts are in the table below.",
      rows: found.map((row) => ({ label: `first ${count(row.depth)} hits`, parts: parts(row) })),
    },
  )}</figure><figure><figcaption>How alike the two rankings are</figcaption>${lineChart({
    id: `${id}-overlap`,
    title: `Overlap of ${first} and ${second} by depth`,
    description:
      "Jaccard index of the first hits, and rank-biased overlap for a reader who looks that deep on average; figures in the table below.",
    xLabel: "depth",
    yLabel: "overlap",
    xScale: "log",
    yDomain: [0, 1],
    series: [
      {
        name: "Jaccard",
        style: 3,
        points: overlap.depths.map((depth, d) => ({ x: depth, y: overlap.jaccard[d] ?? 0 })),
      },
      {
        name: "rank-biased overlap",
        style: 4,
        points: overlap.depths.map((depth, d) => ({ x: depth, y: overlap.rbo[d] ?? 0 })),
      },
    ],
  })}</figure></div>${dataTable(
    "Relevant documents by who found them, and mean recall; together: the most that a fusion of these hits can reach",
    [
      { title: "depth" },
      ...[
        "both",
        `only ${first}`,
        `only ${second}`,
        "neither",
        `R ${first}`,
        `R ${second}`,
        "R together",
      ].map((title) => ({ title, numeric: true })),
    ],
    found.map((row) => [
      count(row.depth),
      ...[row.both, row.onlyFirst, row.onlySecond, row.neither].map(count),
      ...[row.firstRecall, row.secondRecall, row.unionRecall].map((value) => decimals(value)),
    ]),
  )}${folded(
    "Overlap by depth as a table",
    dataTable(
      "Overlap by depth",
      [{ title: "depth" }, { title: "Jaccard", numeric: true }, { title: "RBO", numeric: true }],
      overlap.depths.map((depth, d) => [
        count(depth),
        decimals(overlap.jaccard[d] ?? 0),
        decimals(overlap.rbo[d] ?? 0),
      ]),
    ),
  )}`;
}

function whyBody({ first, second, features }: HeadToHead, id: string, measure: string): Html {
  return html`<p>Queries in up to three groups of like size by each feature; values right of 0 are groups that ${first} is better on, left of 0 ${second}. These are looks at the data, not tests: with this many groups some intervals miss 0 by chance.</p><div class="grid">${features.map(
    (feature, f) =>
      html`<figure><figcaption>${feature.name}</figcaption><p class="note">${feature.meaning}${feature.tau === null ? "" : `; τ = ${decimals(feature.tau, 2)} with the difference`}</p>${intervalChart(
        {
          id: `${id}-feature${f + 1}`,
          title: `Difference in ${measure} by ${feature.name}`,
          description: `${first} minus ${second}, mean with 95 % interval per group; figures in the table below.`,
          xLabel: `${measure}: ${first} − ${second}`,
          reference: 0,
          groups: [
            {
              heading: "",
              rows: feature.bins.map((bin) => ({
                label: `${binLabel(bin, feature)} (${bin.queryCount} queries)`,
                style: bin.meanDifference >= 0 ? 0 : 1,
                value: bin.meanDifference,
                low: bin.interval?.low ?? bin.meanDifference,
                high: bin.interval?.high ?? bin.meanDifference,
              })),
            },
          ],
        },
      )}</figure>`,
  )}</div>${folded(
    "The same as a table",
    dataTable(
      `Difference in ${measure}, ${first} − ${second}, by feature of the query`,
      [
        { title: "feature" },
        { title: "group" },
        ...["queries", "difference", "95 % interval"].map((title) => ({ title, numeric: true })),
      ],
      features.flatMap((feature) =>
        feature.bins.map((bin) => [
          feature.name,
          binLabel(bin, feature),
          String(bin.queryCount),
          signed(bin.meanDifference),
          bin.interval === null ? "" : `${signed(bin.interval.low)} … ${signed(bin.interval.high)}`,
        ]),
      ),
    ),
  )}`;
}

/** "2 to 5", or "0" where a group has one value. */
export function binLabel(
  { low, high }: FeatureEffect["bins"][number],
  { bins }: FeatureEffect,
): string {
  const whole = bins.every((bin) => Number.isInteger(bin.low) && Number.isInteger(bin.high));
  const text = (value: number): string => (whole ? String(value) : decimals(value, 2));
  return text(low) === text(high) ? text(low) : `${text(low)} to ${text(high)}`;
}

function examples(pair: HeadToHead, firstWins: boolean): Html {
  const [winner, loser] = firstWins ? [pair.first, pair.second] : [pair.second, pair.first];
  const list = firstWins ? pair.firstWins : pair.secondWins;
  if (list.length === 0) return html`<p>${winner} beats ${loser} on no query.</p>`;
  return html`<h4>${String(list.length)} ${list.length === 1 ? "query" : "queries"} that ${winner} wins by most</h4>${list.map((example) => exampleMarkup(example, winner, loser))}`;
}

function exampleMarkup(example: WorkedExample, winner: string, loser: string): Html {
  const { query, queryId, winnerValue, loserValue, relevant, instead, words } = example;
  return html`<article class="example"><h5>${query}</h5><p class="note">query ${queryId} · ${winner} ${decimals(winnerValue)} · ${loser} ${decimals(loserValue)}</p><div class="sides">${
    relevant === null
      ? null
      : html`<div class="side"><p class="note">Relevant, and higher with ${winner}</p>${documentMarkup(relevant, words, winner, loser)}</div>`
  }${
    instead === null
      ? null
      : html`<div class="side"><p class="note">What ${loser} puts highest without its being judged relevant</p>${documentMarkup(instead, words, winner, loser)}</div>`
  }</div></article>
`;
}

function documentMarkup(
  document: ExampleDocument,
  words: readonly string[],
  winner: string,
  loser: string,
): Html {
  const { docId, grade, winnerRank, loserRank, title, passage, sharedWords } = document;
  const rank = (value: number | null): string =>
    value === null ? "not listed" : `rank ${count(value)}`;
  const judged = grade === null ? "no judgement" : `grade ${grade}`;
  const missing = words.filter((word) => !sharedWords.includes(word));
  return html`<p class="title">${title === "" ? docId : title}</p><p>${passageMarkup(passage)}</p><p class="note">${docId} · ${judged} · ${winner}: ${rank(winnerRank)} · ${loser}: ${rank(loserRank)} · has ${String(sharedWords.length)} of ${String(words.length)} query words${missing.length === 0 || words.length === 0 ? "" : `, lacks ${missing.slice(0, 8).join(", ")}${missing.length > 8 ? " …" : ""}`}</p>`;
}

function passageMarkup(passage: ExamplePassage | null): Html {
  if (passage === null) return html`<em>(no text)</em>`;
  const parts: Html[] = [];
  let at = 0;
  for (const [start, end] of passage.marks) {
    parts.push(
      html`${passage.text.slice(at, start)}<mark>${passage.text.slice(start, end)}</mark>`,
    );
    at = end;
  }
  parts.push(html`${passage.text.slice(at)}`);
  return html`${passage.cutBefore ? "… " : ""}${parts}${passage.cutAfter ? " …" : ""}`;
}

function costBody({ systems, collections }: DatasetReport): Html {
  return html`${dataTable(
    "Time per query, one after the other on this machine, encoder included",
    [
      { title: "system" },
      ...["median ms", "95th percentile ms", "mean ms"].map((title) => ({ title, numeric: true })),
      { title: "settings" },
    ],
    systems.map(({ name, latency, description }) => [
      name,
      ...(latency === null
        ? ["", "", ""]
        : [latency.p50Ms, latency.p95Ms, latency.meanMs].map((ms) => ms.toFixed(2))),
      description,
    ]),
  )}${
    collections.length === 0
      ? null
      : dataTable(
          "Collections on disk",
          [
            { title: "collection" },
            { title: "documents", numeric: true },
            { title: "segments", numeric: true },
            { title: "size", numeric: true },
            { title: "bytes per document", numeric: true },
            { title: "encoder" },
          ],
          collections.map((facts) => [
            facts.name,
            count(facts.documentCount),
            String(facts.segmentCount),
            `${(facts.diskBytes / 1e6).toFixed(1)} MB`,
            count(Math.round(facts.diskBytes / Math.max(1, facts.documentCount))),
            facts.encoder === null
              ? "none"
              : html`${facts.encoder.name}, ${String(facts.encoder.dimension)} dimensions, <code>${facts.encoder.fingerprint}</code>`,
          ]),
        )
  }`;
}

function provenanceSection({
  provenance,
  datasets,
  seed,
  measures,
}: ComparisonReport): PageSection {
  return {
    id: "provenance",
    title: "How to make this report again",
    body: html`<pre>${provenance.command}</pre><p>Braid ${provenance.braidVersion}, Node ${provenance.nodeVersion}, ${provenance.platform}, seed ${String(seed)}, ${provenance.createdAt}. Measures: ${measures.join(", ")}. Everything but the times of this page is the same on every run.</p>${
      provenance.files.length === 0
        ? null
        : dataTable(
            "Files read",
            [{ title: "file" }, { title: "SHA-256" }],
            provenance.files.map(({ path, sha256 }) => [path, html`<code>${sha256}</code>`]),
          )
    }${dataTable(
      "Fingerprints of the rankings: equal ones rank alike",
      [{ title: "data set" }, { title: "system" }, { title: "fingerprint" }],
      datasets.flatMap(({ name, systems }) =>
        systems.map((system) => [name, system.name, html`<code>${system.runFingerprint}</code>`]),
      ),
    )}`,
  };
}
