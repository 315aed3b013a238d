import { type Html, html } from "../html.js";
import {
  at,
  type ChartText,
  linearScale,
  niceTicks,
  styleCount,
  svgChart,
  yAxis,
} from "./chart-frame.js";

export interface DifferenceChart extends ChartText {
  readonly firstName: string;
  readonly secondName: string;
  readonly firstStyle: number;
  readonly secondStyle: number;
  readonly measure: string;
  /** First minus second, one per query. */
  readonly differences: readonly number[];
}

const width = 400;
const plotHeight = 300;

/** Every query's difference, sorted: how many queries each system wins, and by how much. */
export function differenceChart(chart: DifferenceChart): Html {
  const sorted = [...chart.differences].sort((a, b) => b - a);
  const reach = Math.max(0.1, ...sorted.map(Math.abs));
  const area = { left: 44, right: width - 14, top: 34, bottom: 34 + plotHeight };
  const y = linearScale([-reach, reach], [area.bottom, area.top]);
  const x = linearScale([0, Math.max(1, sorted.length)], [area.left, area.right]);
  const wins = sorted.filter((difference) => difference > 0).length;
  const losses = sorted.filter((difference) => difference < 0).length;
  const ties = sorted.length - wins - losses;
  return svgChart(
    chart,
    width,
    area.bottom + 26,
    html`${yAxis({ label: `${chart.measure}: ${chart.firstName} − ${chart.secondName}`, ticks: niceTicks(-reach, reach), scale: y }, area)}<path class="area s${chart.firstStyle % styleCount}" d="${steps(sorted, 0, wins, x, y)}"/><path class="area hatched s${chart.secondStyle % styleCount}" d="${steps(sorted, sorted.length - losses, sorted.length, x, y)}"/><path class="axis" d="${`M${at(area.left)} ${at(y(0))}H${at(area.right)}`}"/><text class="key" x="${at(area.left + 4)}" y="${at(y(0) + 16)}">${wins} better with ${chart.firstName}</text><text class="key" x="${at(area.right - 4)}" y="${at(y(0) - 8)}" text-anchor="end">${losses} better with ${chart.secondName}</text><text class="tick" x="${at((area.left + area.right) / 2)}" y="${at(area.bottom + 18)}" text-anchor="middle">${sorted.length} queries, sorted; ${ties} equal</text>`,
  );
}

/** One closed outline over bars `from`..`to`: a bar of its own per query would be a heavy page. */
function steps(
  sorted: readonly number[],
  from: number,
  to: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  if (from >= to) return "";
  let path = `M${at(x(from))} ${at(y(0))}`;
  for (let i = from; i < to; i++) path += `V${at(y(sorted[i] ?? 0))}H${at(x(i + 1))}`;
  return `${path}V${at(y(0))}z`;
}
