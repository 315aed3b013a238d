import { type Html, html } from "../html.js";
import {
  at,
  type ChartText,
  legend,
  linearScale,
  marker,
  niceTicks,
  svgChart,
  xAxis,
  yAxis,
} from "./chart-frame.js";

export interface ScatterChart extends ChartText {
  readonly xName: string;
  readonly yName: string;
  readonly xStyle: number;
  readonly yStyle: number;
  /** One per query: both systems' values, 0..1. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const width = 400;
const side = 330;

/** Values of two systems per query against the diagonal; queries at one place make one larger mark. */
export function scatterChart(chart: ScatterChart): Html {
  const key = legend(
    [
      { name: `${chart.xName} better`, style: chart.xStyle },
      { name: `${chart.yName} better`, style: chart.yStyle },
    ],
    8,
    4,
    width - 16,
  );
  const area = { left: 48, right: 48 + side, top: key.height + 30, bottom: key.height + 30 + side };
  const x = linearScale([-0.04, 1.04], [area.left, area.right]);
  const y = linearScale([-0.04, 1.04], [area.bottom, area.top]);
  const ticks = niceTicks(0, 1);
  return svgChart(
    chart,
    width,
    area.bottom + 42,
    html`${key.body}${yAxis({ label: chart.yName, ticks, scale: y }, area)}${xAxis({ label: chart.xName, ticks, scale: x }, area, true)}<path class="diagonal" d="${`M${at(x(0))} ${at(y(0))}L${at(x(1))} ${at(y(1))}`}"/>${binned(
      chart.points,
    ).map((bin) => {
      const size = Math.min(13, 2.6 * Math.sqrt(bin.count));
      return bin.x === bin.y
        ? html`<circle class="tie" cx="${at(x(bin.x))}" cy="${at(y(bin.y))}" r="${at(size)}"/>`
        : marker(bin.x > bin.y ? chart.xStyle : chart.yStyle, x(bin.x), y(bin.y), size);
    })}`,
  );
}

/** Points on a grid of hundredths, with how many lie on each; the fullest first, to be drawn below. */
function binned(points: ScatterChart["points"]): { x: number; y: number; count: number }[] {
  const bins = new Map<string, { x: number; y: number; count: number }>();
  for (const point of points) {
    const x = Math.round(point.x * 100) / 100;
    const y = Math.round(point.y * 100) / 100;
    const bin = bins.get(`${x} ${y}`) ?? { x, y, count: 0 };
    bin.count++;
    bins.set(`${x} ${y}`, bin);
  }
  return [...bins.values()].sort((a, b) => b.count - a.count || a.x - b.x || a.y - b.y);
}
