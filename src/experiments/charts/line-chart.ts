import { type Html, html } from "../html.js";
import {
  at,
  type ChartText,
  isSpan,
  legend,
  linearScale,
  logScale,
  logTicks,
  marker,
  niceTicks,
  styleCount,
  svgChart,
  xAxis,
  yAxis,
} from "./chart-frame.js";

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

export interface LineSeries {
  readonly name: string;
  readonly style: number;
  readonly points: readonly LinePoint[];
  /** Points without a line between them. */
  readonly scattered?: boolean;
}

export interface LineChart extends ChartText {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale: "log" | "linear";
  /** From the data when absent. */
  readonly yDomain?: readonly [number, number];
  readonly series: readonly LineSeries[];
}

const width = 400;
const plotHeight = 210;

/** Series against a common axis, with intervals as whiskers where points have them. */
export function lineChart(chart: LineChart): Html {
  const points = chart.series.flatMap(({ points }) => points);
  if (points.length === 0)
    return html`<p class="note">${chart.title}: there is nothing to show.</p>`;
  const key = legend(
    chart.series.map(({ name, style, scattered }) => ({ name, style, line: scattered !== true })),
    8,
    4,
    width - 16,
  );
  const area = {
    left: 44,
    right: width - 14,
    top: key.height + 32,
    bottom: key.height + 32 + plotHeight,
  };
  const xs = points.map(({ x }) => x);
  const xDomain: [number, number] = [Math.min(...xs), Math.max(...xs)];
  if (!isSpan(...xDomain)) {
    xDomain[0] = chart.xScale === "log" ? xDomain[0] / 2 : xDomain[0] - 1;
    xDomain[1] = chart.xScale === "log" ? xDomain[1] * 2 : xDomain[1] + 1;
  }
  const yDomain = chart.yDomain ?? paddedDomain(points);
  const x = (chart.xScale === "log" ? logScale : linearScale)(xDomain, [
    area.left + 8,
    area.right - 8,
  ]);
  const y = linearScale(yDomain, [area.bottom, area.top]);
  const xTicks = chart.xScale === "log" ? logTicks(...xDomain) : niceTicks(...xDomain);
  const drawn = chart.series.map(({ style, points: own, scattered }, i) => {
    // Whiskers of series that share their x stand beside each other.
    const aside = (i - (chart.series.length - 1) / 2) * 2.5;
    const sorted = [...own].sort((a, b) => a.x - b.x);
    const line = sorted
      .map((point, i) => `${i === 0 ? "M" : "L"}${at(x(point.x))} ${at(y(point.y))}`)
      .join("");
    const name = `s${style % styleCount}`;
    return html`${scattered === true ? null : html`<path class="line ${name}" d="${line}"/>`}${sorted.map(
      (point) =>
        html`${
          point.low === undefined || point.high === undefined
            ? null
            : html`<path class="whisker ${name}" d="${`M${at(x(point.x) + aside)} ${at(y(point.low))}V${at(y(point.high))}`}"/>`
        }${marker(style, x(point.x) + (point.low === undefined ? 0 : aside), y(point.y), 3.2)}`,
    )}`;
  });
  return svgChart(
    chart,
    width,
    area.bottom + 42,
    html`${key.body}${yAxis({ label: chart.yLabel, ticks: niceTicks(...yDomain), scale: y }, area)}${xAxis({ label: chart.xLabel, ticks: xTicks, scale: x }, area)}${drawn}`,
  );
}

function paddedDomain(points: readonly LinePoint[]): [number, number] {
  const low = Math.min(...points.map((point) => Math.min(point.y, point.low ?? point.y)));
  const high = Math.max(...points.map((point) => Math.max(point.y, point.high ?? point.y)));
  const pad = isSpan(low, high) ? (high - low) * 0.08 : Math.abs(low) * 0.1 + 0.1;
  return [low - pad, high + pad];
}
