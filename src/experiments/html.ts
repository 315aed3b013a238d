import { escapeHtml } from "../analysis/highlight.js";

/** Markup that was made here or escaped: the only thing that goes into a page as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = Html | string | number | null | undefined | readonly HtmlPart[];

/**
 * Markup with values in it. Strings and numbers are escaped, `Html` and lists of it stand as they
 * are, null and undefined leave nothing. Right for element content and for quoted attributes.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = strings[0] ?? "";
  for (const [i, part] of parts.entries()) text += rendered(part) + (strings[i + 1] ?? "");
  return new Html(text);
}

function rendered(part: HtmlPart): string {
  if (part === null || part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(rendered).join("");
  return escapeHtml(withoutControls(String(part)));
}

/** Control characters have no place in a page: HTML forbids most of them even as references. */
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, (sign) =>
    sign === "\t" || sign === "\n" || sign === "\r" ? sign : "\ufffd",
  );
}
