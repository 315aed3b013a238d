import { type Html, html } from "../html.js";

/** What a reader who cannot see a chart is told, and what makes its ids unique in the page. */
export interface ChartText {
  /** Unique in the page, letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, in a sentence or two. */
  readonly description: string;
}

/** Where the marks of a chart lie: the frame inside the axes, in viewBox units. */
export interface PlotArea {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Series beyond this many share their looks with earlier ones. */
export const styleCount = 6;

/**
 * One accessible SVG: title and description are read aloud, everything inside is hidden from screen
 * readers, since a table with the same figures stands beside each chart.
 */
export function svgChart(
  { id, title, description }: ChartText,
  width: number,
  height: number,
  body: Html,
): Html {
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc" style="max-width:${width * 1.3}px">
<title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>
<g aria-hidden="true">${body}</g></svg>
`;
}

/** A coordinate with at most two decimals: the same bytes on every platform, and short. */
export function at(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Mark of a series at a point. Shapes differ, so that colour is never the only difference. */
export function marker(style: number, x: number, y: number, size = 4): Html {
  const name = `mark s${style % styleCount}`;
  const path = (d: string): Html => html`<path class="${name}" d="${d}"/>`;
  const s = size;
  switch (style % styleCount) {
    case 0:
      return html`<circle class="${name}" cx="${at(x)}" cy="${at(y)}" r="${at(s)}"/>`;
    case 1:
      return path(`M${at(x - s)} ${at(y - s)}h${at(2 * s)}v${at(2 * s)}h${at(-2 * s)}z`);
    case 2:
      return path(
        `M${at(x)} ${at(y - s * 1.2)}L${at(x + s * 1.2)} ${at(y + s)}H${at(x - s * 1.2)}z`,
      );
    case 3:
      return path(
        `M${at(x)} ${at(y - s * 1.4)}L${at(x + s * 1.4)} ${at(y)}L${at(x)} ${at(y + s * 1.4)}L${at(x - s * 1.4)} ${at(y)}z`,
      );
    case 4:
      return path(
        `M${at(x)} ${at(y + s * 1.2)}L${at(x + s * 1.2)} ${at(y - s)}H${at(x - s * 1.2)}z`,
      );
    default:
      return html`<path class="${name} open" d="${`M${at(x - s)} ${at(y - s)}L${at(x + s)} ${at(y + s)}M${at(x - s)} ${at(y + s)}L${at(x + s)} ${at(y - s)}`}"/>`;
  }
}

/** Maps a value to a coordinate. */
export type Scale = (value: number) => number;

export function linearScale(
  domain: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const span = domain[1] - domain[0] || 1;
  return (value) => range[0] + ((value - domain[0]) / span) * (range[1] - range[0]);
}

export function logScale(
  domain: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const inner = linearScale([Math.log10(domain[0]), Math.log10(domain[1])], range);
  return (value) => inner(Math.log10(value));
}

/** Whether two ends are apart enough to draw an axis between them. */
export function isSpan(low: number, high: number): boolean {
  return high - low > 1e-9 * Math.max(1e-3, Math.abs(low), Math.abs(high));
}

/** Round values, 1, 2 or 5 times a power of ten apart, within `low`..`high`; about `count` of them. */
export function niceTicks(low: number, high: number, count = 5): number[] {
  if (!isSpan(low, high)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9) || 0; i * step <= high + step * 1e-9; i++)
    ticks.push(i * step);
  return ticks;
}

/** Powers of ten from `low` to `high`, with 2 and 5 between them where they are few. */
export function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  const decades = Math.log10(high / low);
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const factor of decades <= 2 ? [1, 2, 5] : [1]) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

/** 0.3 -> ".3", 1000 -> "1,000": tick labels without needless characters. */
export function tickText(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  const text = String(Number(value.toPrecision(6)));
  return text.replace(/^(-?)0\./, "$1.").replace(/^-/, "−");
}

export interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  readonly scale: Scale;
}

/** Horizontal axis below the plot: rule, ticks, labels, name. */
export function xAxis(
  { label, ticks, scale }: Axis,
  { left, right, top, bottom }: PlotArea,
  grid = false,
): Html {
  return html`<path class="axis" d="${`M${at(left)} ${at(bottom)}H${at(right)}`}"/>${ticks.map(
    (tick) =>
      html`${grid ? html`<path class="grid" d="${`M${at(scale(tick))} ${at(top)}V${at(bottom)}`}"/>` : null}<text class="tick" x="${at(scale(tick))}" y="${at(bottom + 15)}" text-anchor="middle">${tickText(tick)}</text>`,
  )}<text class="name" x="${at((left + right) / 2)}" y="${at(bottom + 33)}" text-anchor="middle">${label}</text>`;
}

/** Vertical axis left of the plot with grid lines; its name lies above it, to be read upright. */
export function yAxis({ label, ticks, scale }: Axis, { left, right, top }: PlotArea): Html {
  return html`${ticks.map(
    (tick) =>
      html`<path class="grid" d="${`M${at(left)} ${at(scale(tick))}H${at(right)}`}"/><text class="tick" x="${at(left - 6)}" y="${at(scale(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
  )}<text class="name" x="4" y="${at(top - 10)}">${label}</text>`;
}

/** Names of series with their marks, in rows that fit `width`; returns the height it takes. */
export function legend(
  names: readonly { readonly name: string; readonly style: number; readonly line?: boolean }[],
  left: number,
  top: number,
  width: number,
): { readonly body: Html; readonly height: number } {
  let x = left;
  let y = top + 8;
  const items: Html[] = [];
  for (const { name, style, line } of names) {
    const shown = name.length > 44 ? `${name.slice(0, 43)}…` : name;
    const itemWidth = (line ? 34 : 20) + shown.length * 6.6 + 10;
    if (x > left && x + itemWidth > left + width) {
      x = left;
      y += 18;
    }
    const markX = x + (line ? 12 : 6);
    items.push(
      html`${line ? html`<path class="line s${style % styleCount}" d="${`M${at(x)} ${at(y)}H${at(x + 24)}`}"/>` : null}${marker(style, markX, y)}<text class="key" x="${at(x + (line ? 30 : 16))}" y="${at(y + 4)}">${shown}</text>`,
    );
    x += itemWidth;
  }
  return { body: html`${items}`, height: y - top + 10 };
}
