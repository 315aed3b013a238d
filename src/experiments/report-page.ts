import { Html, html } from "./html.js";

/** One section of a page, reachable from its table of contents. */
export interface PageSection {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
  readonly sections?: readonly PageSection[];
}

/**
 * A page that stands alone: no script, nothing fetched (its own policy forbids it), light and dark
 * after the reader's setting, printable, readable from a phone's width up.
 */
export function reportPage(title: string, lead: Html, sections: readonly PageSection[]): string {
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the report</a>
<header><h1>${title}</h1>${lead}</header>
<nav aria-label="Contents"><ol>${sections.map(contentsEntry)}</ol></nav>
<main id="content">${sections.map((section) => sectionMarkup(section, 2))}</main>
</body>
</html>
`;
  return text;
}

function contentsEntry({ id, title }: PageSection): Html {
  return html`<li><a href="#${id}">${title}</a></li>`;
}

function sectionMarkup({ id, title, body, sections = [] }: PageSection, level: number): Html {
  const tag = new Html(`h${Math.min(level, 6)}`);
  return html`<section id="${id}" aria-labelledby="${id}-heading"><${tag} id="${id}-heading">${title}</${tag}>${body}${sections.map((section) => sectionMarkup(section, level + 1))}</section>
`;
}

export interface TableColumn {
  readonly title: string | Html;
  /** Numbers stand right. */
  readonly numeric?: boolean;
}

/**
 * A table with a caption and header cells in both directions. It scrolls inside its own box where
 * the page is narrower; the box can be reached by keyboard for that.
 */
export function dataTable(
  caption: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly (Html | string)[])[],
): Html {
  const number = (i: number): Html | null =>
    columns[i]?.numeric === true ? html` class="number"` : null;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption><span>${caption}</span></caption><thead><tr>${columns.map(
    ({ title }, i) => html`<th scope="col"${number(i)}>${title}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td${number(i)}>${cell}</td>`))}</tr>
`,
  )}</tbody></table></div>
`;
}

/** Figures that few readers want at once, folded away; printing unfolds them. */
export function folded(summary: string, body: Html): Html {
  return html`<details><summary>${summary}</summary>${body}</details>`;
}

const light = `
--paper:#fff;--ink:#1b1f24;--soft:#565e69;--rule:#d5dae1;--panel:#f5f7f9;--accent:#0b5cad;--marked:#fff0b3;--warn:#a4161a;--warn-paper:#fdeeee;
--s0:#0b5cad;--s1:#b8480b;--s2:#0a7558;--s3:#8a3a7d;--s4:#6f6100;--s5:#4a4f57;`;
const dark = `
--paper:#14171b;--ink:#e7eaee;--soft:#a4adb8;--rule:#353c45;--panel:#1c2127;--accent:#7cbcff;--marked:#5a4a00;--warn:#ff9c9c;--warn-paper:#3a1c1e;
--s0:#6cb6ff;--s1:#ff9d5c;--s2:#4fd0a5;--s3:#e49ad6;--s4:#dcc756;--s5:#b6bdc7;`;

const style = `
:root{${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0 auto;padding:1.25rem clamp(.9rem,4vw,2.5rem) 4rem;max-width:76rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
h1{font-size:clamp(1.5rem,4.5vw,2.1rem);line-height:1.2;margin:.5rem 0 .75rem}
h2{font-size:1.5rem;line-height:1.25;margin:3rem 0 .75rem;padding-top:1rem;border-top:2px solid var(--rule)}
h3{font-size:1.2rem;margin:2.25rem 0 .5rem}
h4{font-size:1.02rem;margin:1.6rem 0 .4rem}
p{margin:.5rem 0;max-width:46rem}
a{color:var(--accent)}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}
.headline{font-size:clamp(1.08rem,2.6vw,1.3rem);line-height:1.45;max-width:52rem;border-left:4px solid var(--accent);padding-left:.9rem;margin:1rem 0}
.note,caption,figcaption{color:var(--soft);font-size:.875rem}
.warning{color:var(--warn);background:var(--warn-paper);border:1px solid var(--warn);border-left-width:5px;padding:.6rem .9rem;max-width:52rem;font-weight:600}
nav ol{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;list-style:none;padding:.6rem .9rem;margin:1.25rem 0;background:var(--panel);border-radius:.4rem}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.25rem 2rem;align-items:start;margin:.75rem 0}
figure{margin:0;min-width:0;break-inside:avoid}
figcaption{margin-bottom:.35rem;color:var(--ink);font-weight:600}
.scroll{overflow-x:auto;margin:.75rem 0;max-width:100%}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;min-width:min(100%,24rem)}
caption{text-align:left;caption-side:top;padding-bottom:.3rem}
caption span{display:block;position:sticky;left:0;max-width:min(46rem,calc(100vw - 2.4rem))}
th,td{padding:.32rem .7rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule)}
thead th{font-weight:600;border-bottom:2px solid var(--rule);background:var(--panel)}
tbody th{font-weight:600;min-width:7rem}
td{min-width:7.5rem}
.number{text-align:right;white-space:nowrap;min-width:0}
td b{font-weight:700}
sup{font-size:.7em;line-height:0;margin-left:.1em}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);padding:.15rem 0}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--panel);padding:.7rem .9rem;border-radius:.4rem;white-space:pre-wrap;overflow-wrap:anywhere}
td code,dd code,li code{overflow-wrap:anywhere}
.example{border:1px solid var(--rule);border-radius:.5rem;padding:.7rem .9rem;margin:.9rem 0;break-inside:avoid}
.example h5{font-size:1rem;margin:0 0 .25rem}
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:.9rem 1.5rem;margin-top:.5rem}
.side{min-width:0;border-top:3px solid var(--rule);padding-top:.35rem}
.side p{margin:.25rem 0}
.side .title{font-weight:600}
mark{background:var(--marked);color:inherit;padding:0 .1em;border-radius:.15em}
svg.chart{display:block;width:100%;height:auto;font-family:inherit}
.chart text{fill:var(--ink)}
.chart .tick{font-size:11px;fill:var(--soft)}
.chart .name,.chart .key,.chart .value{font-size:12px}
.chart .key{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.chart .heading{font-size:13px;font-weight:700}
.chart .axis{stroke:var(--soft);stroke-width:1;fill:none}
.chart .grid{stroke:var(--rule);stroke-width:.8;fill:none}
.chart .diagonal{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 3;fill:none}
.chart .tie{fill:var(--soft);fill-opacity:.35}
.chart .mark{stroke:var(--paper);stroke-width:.7;fill-opacity:.85}
.chart .open{fill:none!important;stroke-width:2.2}
.chart .line{fill:none!important;stroke-width:2}
.chart .whisker{fill:none!important;stroke-width:2.5}
.chart .range{fill:none!important;stroke-width:1.4;stroke-dasharray:2 2.5}
.chart .area{stroke:none}
${[0, 1, 2, 3, 4, 5]
  .map(
    (i) =>
      `.chart .s${i}{fill:var(--s${i})}.chart .line.s${i},.chart .whisker.s${i},.chart .range.s${i},.chart .open.s${i}{stroke:var(--s${i})}`,
  )
  .join("\n")}
.chart .line.s1{stroke-dasharray:7 3}.chart .line.s2{stroke-dasharray:2 3}.chart .line.s3{stroke-dasharray:9 3 2 3}.chart .line.s4{stroke-dasharray:4 4}.chart .line.s5{stroke-dasharray:12 4}
.chart .part{stroke:var(--paper);stroke-width:1.5}
.chart .both{fill:var(--s2)}.chart .first{fill:var(--s0)}.chart .second{fill:var(--s1)}.chart .neither{fill:var(--rule)}
@media print{
:root{${light}}
body{max-width:none;padding:0;font-size:10pt}
nav,.skip{display:none}
h2{break-before:auto;break-after:avoid}h3,h4,h5{break-after:avoid}
details::details-content{content-visibility:visible;display:block;height:auto}
.scroll{overflow:visible}
a{color:inherit;text-decoration:none}
}
`;
