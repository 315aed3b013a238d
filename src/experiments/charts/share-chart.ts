import { type Html, html } from "../html.js";
import { at, type ChartText, svgChart } from "./chart-frame.js";

export interface ShareChart extends ChartText {
  readonly rows: readonly {
    readonly label: string;
    readonly parts: readonly {
      readonly name: string;
      readonly className: string;
      readonly count: number;
    }[];
  }[];
}

const width = 400;

/** Parts of a whole as bars of one length, each part named below its bar where colours would not do. */
export function shareChart(chart: ShareChart): Html {
  const left = 4;
  const right = width - 4;
  const body: Html[] = [];
  let y = 6;
  for (const { label, parts } of chart.rows) {
    const total = parts.reduce((sum, { count }) => sum + count, 0) || 1;
    body.push(html`<text class="key" x="${left}" y="${y + 11}">${label}</text>`);
    let x = left;
    for (const { className, count } of parts) {
      const end = x + (count / total) * (right - left);
      body.push(
        html`<path class="part ${className}" d="${`M${at(x)} ${at(y + 17)}H${at(end)}V${at(y + 39)}H${at(x)}z`}"/>`,
      );
      x = end;
    }
    const words = parts.map(({ name, count }) => `${name} ${((100 * count) / total).toFixed(0)} %`);
    body.push(html`<text class="tick" x="${left}" y="${y + 53}">${words.join(" · ")}</text>`);
    y += 64;
  }
  return svgChart(chart, width, y, html`${body}`);
}
