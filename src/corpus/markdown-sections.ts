/**
 * Markdown split at its headings, and its markup taken off.
 *
 * Read are CommonMark's ATX and setext headings, fenced code and HTML comments, the `<h1>…</h1>`
 * lines that project pages use for centred headings, and the `<summary>…</summary>` lines that
 * stand over folded answers: these are headings below the section they are in. Departures from
 * CommonMark, all on purpose:
 * 1. Headings inside block quotes and list items do not split: they belong to their paragraph.
 * 2. What only decorates a page is dropped: images (badges above all), HTML tags, link targets,
 *    reference definitions, horizontal rules, and list items that are nothing but a link into the
 *    same page (tables of contents).
 * 3. Code keeps every character; only its fence lines go. A fence may be indented by any amount, as
 *    inside lists.
 *
 * @see https://spec.commonmark.org/0.31.2/ sections 4.2, 4.3, 4.5
 */

/** One section: the text between a heading and the next one. */
export interface MarkdownSection {
  /** Anchor as code hosts make it, unique within the page; empty for text before any heading. */
  readonly slug: string;
  /** Headings from the outermost to this section's own, as plain text; empty before any heading. */
  readonly headings: readonly string[];
  /** Plain text without the heading; may be empty. */
  readonly text: string;
  /** Line of the heading (or of the page's first line), counted from 1. */
  readonly line: number;
}

/** How a page is cut. */
export interface MarkdownOptions {
  /**
   * Whether a heading starts a section of its own; the others stay, as a line, in the text of the
   * section before them. Default: every heading does.
   */
  readonly startsSection?: (heading: string, level: number) => boolean;
}

interface OpenSection {
  readonly slug: string;
  readonly headings: readonly string[];
  readonly line: number;
  readonly lines: string[];
}

/**
 * Splits a page into sections, in the order of the page.
 *
 * @param markdown the page; a byte order mark and CRLF line ends are taken as they come
 * @returns sections, also those without text; none for a page of white space only
 */
export function readMarkdownSections(
  markdown: string,
  options: MarkdownOptions = {},
): MarkdownSection[] {
  const startsSection = options.startsSection ?? (() => true);
  const lines = markdown.replace(RESERVED, "").split(/\r\n|\n|\r/);
  const labels = new Set(
    lines.flatMap((line) => referenceLabel.exec(line)?.[1]?.toLowerCase() ?? []),
  );
  const takenSlugs = new Set<string>();
  const path: { level: number; title: string }[] = [];
  const sections: OpenSection[] = [];
  let current: OpenSection = { slug: "", headings: [], line: 1, lines: [] };
  sections.push(current);

  let fence: { marker: string; length: number } | undefined;
  let inComment = false;
  // Paragraph lines directly above: a setext underline makes a heading of them.
  let paragraphLength = 0;

  const openSection = (title: string, level: number, line: number) => {
    if (!startsSection(title, level)) {
      current.lines.push("", title, "");
      return;
    }
    while ((path.at(-1)?.level ?? 0) >= level) path.pop();
    path.push({ level, title });
    const slug = uniqueSlug(title, takenSlugs);
    current = { slug, headings: path.map((heading) => heading.title), line, lines: [] };
    sections.push(current);
  };

  for (const [index, raw] of lines.entries()) {
    if (fence !== undefined) {
      if (closesFence(raw, fence)) fence = undefined;
      else current.lines.push(CODE + raw);
      continue;
    }
    const { line, open } = withoutComments(raw, inComment);
    inComment = open;

    const opening = /^[ \t]*(`{3,}(?=[^`]*$)|~{3,})/.exec(line)?.[1];
    if (opening !== undefined) {
      fence = { marker: opening.charAt(0), length: opening.length };
      paragraphLength = 0;
      continue;
    }
    const heading = atxHeading(line, labels) ?? htmlHeading(line, labels);
    if (heading !== undefined) {
      if (heading.title !== "") openSection(heading.title, heading.level, index + 1);
      paragraphLength = 0;
      continue;
    }
    const underline = /^ {0,3}(=+|-+)[ \t]*$/.exec(line)?.[1];
    if (underline !== undefined && paragraphLength > 0) {
      const title = plainText(current.lines.splice(-paragraphLength), labels).replaceAll("\n", " ");
      if (title !== "")
        openSection(title, underline.startsWith("=") ? 1 : 2, index + 1 - paragraphLength);
      paragraphLength = 0;
      continue;
    }
    current.lines.push(line);
    paragraphLength = isParagraphLine(line, paragraphLength) ? paragraphLength + 1 : 0;
  }
  return sections
    .map((section) => ({
      slug: section.slug,
      headings: section.headings,
      text: plainText(section.lines, labels),
      line: section.line,
    }))
    .filter((section) => section.slug !== "" || section.text !== "");
}

/** Marks a line of code inside a section's lines. */
const CODE = "\u0000";

/** Below the six levels of headings. */
const SUMMARY_LEVEL = 7;

/** Byte order mark, and the characters that mark literal text here; none of them is text (section 2.3). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: U+0000 is what is looked for
const RESERVED = /^\uFEFF|[\u0000\uE000\uE001]/g;

const referenceLabel = /^ {0,3}\[([^\]]+)\]:\s*\S/;

function closesFence(line: string, fence: { marker: string; length: number }): boolean {
  const run = /^[ \t]*(`+|~+)[ \t]*$/.exec(line)?.[1];
  if (run === undefined) return false;
  return run.startsWith(fence.marker) && run.length >= fence.length;
}

/** The line without what stands inside `<!-- … -->`, and whether a comment is open at its end. */
function withoutComments(raw: string, wasOpen: boolean): { line: string; open: boolean } {
  if (!wasOpen && !raw.includes("<!--")) return { line: raw, open: false };
  let rest = raw;
  let line = "";
  let open = wasOpen;
  while (rest !== "") {
    const mark = open ? "-->" : "<!--";
    const at = rest.indexOf(mark);
    if (!open) line += at < 0 ? rest : rest.slice(0, at);
    if (at < 0) break;
    rest = rest.slice(at + mark.length);
    open = !open;
  }
  return { line, open };
}

function atxHeading(
  line: string,
  labels: ReadonlySet<string>,
): { level: number; title: string } | undefined {
  const match = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/.exec(line);
  if (match === null) return undefined;
  const title = (match[2] ?? "").replace(/(?:^|[ \t]+)#+[ \t]*$/, "");
  return { level: match[1]?.length ?? 1, title: inlineText(title, labels).trim() };
}

function htmlHeading(
  line: string,
  labels: ReadonlySet<string>,
): { level: number; title: string } | undefined {
  const match =
    /^\s*<h([1-6])\b[^>]*>(.*?)<\/h\1>\s*$/i.exec(line) ??
    /^\s*(?:<details\b[^>]*>)?\s*<summary\b()[^>]*>(.*?)<\/summary>\s*(?:<br\s*\/?>)?\s*$/i.exec(
      line,
    );
  if (match === null) return undefined;
  const level = match[1] === "" ? SUMMARY_LEVEL : Number(match[1]);
  return { level, title: inlineText(match[2] ?? "", labels).trim() };
}

function isParagraphLine(line: string, paragraphLength: number): boolean {
  if (/^\s*$/.test(line)) return false;
  if (/^(?: {4}|\t)/.test(line)) return paragraphLength > 0;
  return !/^ {0,3}(?:>|\||[-+*][ \t]|\d{1,9}[.)][ \t]|<\/?[a-z])/i.test(line);
}

/**
 * Anchor of a heading as code hosts make it: lower case, letters, digits, `-` and `_` kept, spaces
 * to `-`, everything else dropped; `-1`, `-2` … after one that the page has already.
 */
function uniqueSlug(title: string, taken: Set<string>): string {
  const base =
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
      .trim()
      .replaceAll(" ", "-") || "section";
  let slug = base;
  for (let copy = 1; taken.has(slug); copy++) slug = `${base}-${copy}`;
  taken.add(slug);
  return slug;
}

/** Lines of one section as plain text: no markup outside code, no blank run longer than one line. */
function plainText(lines: readonly string[], labels: ReadonlySet<string>): string {
  const kept: string[] = [];
  let prose: string[] = [];
  const flush = () => {
    if (prose.length > 0) kept.push(...proseLines(prose, labels));
    prose = [];
  };
  for (const line of lines) {
    if (line.startsWith(CODE)) {
      flush();
      kept.push(line.slice(CODE.length).trimEnd());
    } else prose.push(line);
  }
  flush();
  return kept
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/^\n+|\s+$/g, "");
}

function proseLines(lines: readonly string[], labels: ReadonlySet<string>): string[] {
  const kept = lines.filter((line) => !isDecoration(line));
  // Joined first: a link's text and an HTML tag may run over several lines.
  return inlineText(kept.join("\n"), labels)
    .split("\n")
    .map((line) => (/[\p{L}\p{N}]/u.test(line) ? line.trimEnd() : ""));
}

/** Rules, table rulers, reference definitions, and links into the same page that stand alone. */
function isDecoration(line: string): boolean {
  return (
    /^ {0,3}(?:(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|(?:\*[ \t]*){3,})$/.test(line) ||
    /^\s*\|?(?:\s*:?-{2,}:?\s*\|)+\s*(?::?-{2,}:?)?\s*$/.test(line) ||
    referenceLabel.test(line) ||
    /^\s*(?:[-+*]|\d{1,9}[.)])\s+(?:\[[ x]\]\s+)?\[(?:[^\][]|\[[^\]]*\])*\]\(#[^)]*\)\s*$/i.test(
      line,
    )
  );
}

// Every repetition below is bounded, so that a page of nothing but brackets stays linear.
const literal = /\\([!-/:-@[-`{-~])|(`+)(?!`)([\s\S]{0,2000}?[^`])\2(?!`)/g;

/** Inline markup taken off, paragraph by paragraph; code spans keep their content. */
function inlineText(markdown: string, labels: ReadonlySet<string>): string {
  return markdown
    .split(/(\n[ \t]*\n)/)
    .map((paragraph) => {
      // Code spans and escaped characters step aside, so that no markup is seen in them and a span
      // inside a link's text survives when the link around it goes.
      const literals: string[] = [];
      const marked = paragraph.replace(
        literal,
        (_, escaped?: string, _ticks?: string, code?: string) => {
          literals.push(escaped ?? (code ?? "").replace(/^ (.*[^ ].*) $/s, "$1"));
          return `\uE000${literals.length - 1}\uE001`;
        },
      );
      return withoutInlineMarkup(marked, labels).replace(
        /\uE000(\d+)\uE001/g,
        (_, index: string) => literals[Number(index)] ?? "",
      );
    })
    .join("");
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  copy: "©",
  mdash: "—",
  ndash: "–",
  hellip: "…",
};

const bracketed = String.raw`((?:[^\][]|\[[^\][]{0,300}\]){0,1000})`;
const target = String.raw`\((?:[^()\n]|\([^()\n]{0,300}\)){0,2000}\)`;
const image = new RegExp(String.raw`!\[${bracketed}\](?:${target}|\[[^\][]{0,300}\])`, "g");
const inlineLink = new RegExp(String.raw`\[${bracketed}\]${target}`, "g");
const referenceLink = new RegExp(String.raw`\[${bracketed}\]\[[^\][]{0,300}\]`, "g");

function withoutInlineMarkup(markdown: string, labels: ReadonlySet<string>): string {
  return markdown
    .replace(image, "")
    .replace(inlineLink, "$1")
    .replace(referenceLink, "$1")
    .replace(/\[([^\][]{1,300})\]/g, (whole, label: string) =>
      labels.has(label.toLowerCase()) ? label : whole,
    )
    .replace(/<((?:https?|mailto):[^>\s]+)>/gi, "$1")
    .replace(/<\/?[a-z][a-z0-9-]*(?:\s[^<>]*)?\/?>/gi, "")
    .replace(/(\*{1,3}|_{2,3}|~~)(?=\S)((?:(?!\1)[\s\S]){0,1000}?\S)\1/g, "$2")
    .replace(/(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]{0,300}[^\s_])_(?![\p{L}\p{N}_])/gu, "$1")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, decodeEntity);
}

function decodeEntity(entity: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return entities[name] ?? entity;
  const codePoint = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? "", 16);
  return codePoint > 0 && codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : "\uFFFD";
}
