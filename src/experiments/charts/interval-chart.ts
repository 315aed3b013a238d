import { decimals } from "../decimals.js";
import { type Html, html } from "../html.js";
import {
  at,
  type ChartText,
  isSpan,
  linearScale,
  marker,
  niceTicks,
  styleCount,
  svgChart,
  xAxis,
} from "./chart-frame.js";

export interface IntervalRow {
  readonly label: string;
  readonly style: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** A wider range around the interval, drawn thin. */
  readonly outerLow?: number;
  readonly outerHigh?: number;
}

export interface IntervalChart extends ChartText {
  readonly xLabel: string;
  /** Rows under headings; a group without a heading has "". */
  readonly groups: readonly { readonly heading: string; readonly rows: readonly IntervalRow[] }[];
  /** A line to compare with, such as 0. */
  readonly reference?: number;
}

const width = 400;
const rowHeight = 32;

/** Values with their intervals, one row each, labelled above the row so that long names fit. */
export function intervalChart(chart: IntervalChart): Html {
  const rows = chart.groups.flatMap(({ rows: own }) => own);
  if (rows.length === 0) return html`<p class="note">${chart.title}: there is nothing to show.</p>`;
  const values = rows.flatMap((row) => [
    row.low,
    row.high,
    row.outerLow ?? row.low,
    row.outerHigh ?? row.high,
  ]);
  if (chart.reference !== undefined) values.push(chart.reference);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = isSpan(low, high) ? (high - low) * 0.06 : Math.abs(low) * 0.1 + 0.1;
  const headingCount = chart.groups.filter(({ heading }) => heading !== "").length;
  const area = {
    left: 14,
    right: width - 52,
    top: 8,
    bottom: 8 + rows.length * rowHeight + headingCount * 26,
  };
  const x = linearScale([low - pad, high + pad], [area.left, area.right]);
  const body: Html[] = [];
  let y = area.top;
  for (const { heading, rows: own } of chart.groups) {
    if (heading !== "") {
      y += 26;
      body.push(html`<text class="heading" x="2" y="${at(y - 6)}">${heading}</text>`);
    }
    for (const row of own) {
      const line = y + 22;
      const name = `s${row.style % styleCount}`;
      body.push(
        html`<text class="key" x="2" y="${at(y + 11)}">${row.label}</text>${
          row.outerLow === undefined || row.outerHigh === undefined
            ? null
            : html`<path class="range ${name}" d="${`M${at(x(row.outerLow))} ${at(line)}H${at(x(row.outerHigh))}`}"/>`
        }<path class="whisker ${name}" d="${`M${at(x(row.low))} ${at(line)}H${at(x(row.high))}`}"/>${marker(row.style, x(row.value), line, 4.5)}<text class="value" x="${width - 2}" y="${at(line + 4)}" text-anchor="end">${decimals(row.value)}</text>`,
      );
      y += rowHeight;
    }
  }
  return svgChart(
    chart,
    width,
    area.bottom + 42,
    html`${xAxis({ label: chart.xLabel, ticks: niceTicks(low - pad, high + pad), scale: x }, area, true)}${
      chart.reference === undefined
        ? null
        : html`<path class="diagonal" d="${`M${at(x(chart.reference))} ${at(area.top)}V${at(area.bottom)}`}"/>`
    }${body}`,
  );
}
