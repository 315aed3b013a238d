import { element } from "./element.js";
import type { FoundDocument } from "./findings.js";
import { markedPieces } from "./marked-text.js";

/** A passage with the query's words marked. */
export function passage(html: string | undefined): Node[] {
  return markedPieces(html ?? "").map(({ text, marked }) =>
    marked ? element("mark", {}, text) : document.createTextNode(text),
  );
}

/** The document's title with marks; its id where it has none. */
export function titleOf(id: string, title: string, found: FoundDocument | undefined): Node[] {
  const marked = passage(found?.highlights["title"]?.[0]);
  if (marked.length > 0) return marked;
  return [document.createTextNode(title === "" ? id : title)];
}

/** Metadata in one quiet line: short values only. */
export function metadataLine(found: FoundDocument | undefined): HTMLElement | null {
  const shown = Object.entries(found?.fields ?? {})
    .filter(([name]) => name !== "_id" && name !== "title" && name !== "text")
    .flatMap(([name, value]) => {
      const text = shortText(value);
      if (text === null) return [];
      const isBare = typeof value !== "string";
      return [element("span", { title: name }, isBare ? `${name} ${text}` : text)];
    })
    .slice(0, 5);
  return shown.length === 0 ? null : element("p", { class: "metadata" }, ...shown);
}

function shortText(value: unknown): string | null {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return value === "" || value.length > 60 ? null : value;
  if (Array.isArray(value) && value.length > 0 && value.length <= 4) {
    const parts = value.map(shortText).filter((part) => part !== null);
    return parts.length === 0 ? null : parts.join(", ");
  }
  return null;
}

/**
 * How a hit's place differs from its rank in one leg: `sparse 4 ▲3` stands three places above where
 * the sparse leg had it.
 */
export function rankShift(
  leg: "sparse" | "dense",
  rank: number | null,
  place: number,
): HTMLElement {
  const shift = rank === null ? 0 : rank - place;
  const words =
    rank === null
      ? `not among the candidates of the ${leg} leg`
      : `rank ${rank} in the ${leg} leg, ${
          shift === 0 ? "the same place" : `${Math.abs(shift)} ${shift > 0 ? "up" : "down"} from it`
        }`;
  const mark = rank === null ? "" : shift === 0 ? "=" : shift > 0 ? `▲${shift}` : `▼${-shift}`;
  return element(
    "span",
    { class: `shift ${leg}`, title: words },
    element("span", { "aria-hidden": "true" }, `${leg} ${rank ?? "–"} ${mark}`.trim()),
    element("span", { class: "visually-hidden" }, words),
  );
}
