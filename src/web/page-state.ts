import type { FusionSetting } from "./fuse-again.js";

export type View = "results" | "compare" | "collections";

/** What the address bar keeps, so that a link shows what its sender saw. */
export interface PageState {
  readonly view: View;
  readonly collection: string;
  readonly query: string;
  readonly filter: string;
  /** Values picked among the facets, by field. */
  readonly picked: Readonly<Record<string, readonly string[]>>;
  readonly rerank: string;
  readonly fusion: FusionSetting;
}

export const initialState: PageState = {
  view: "results",
  collection: "",
  query: "",
  filter: "",
  picked: {},
  rerank: "",
  fusion: { method: "weighted", denseWeight: 0.5, rankConstant: 60 },
};

/** Reads a query string; what cannot be read is as if it were not there. */
export function stateOf(search: string): PageState {
  const values = new URLSearchParams(search);
  const { fusion } = initialState;
  const view = values.get("view");
  return {
    view: view === "compare" || view === "collections" ? view : "results",
    collection: values.get("c") ?? "",
    query: values.get("q") ?? "",
    filter: values.get("filter") ?? "",
    picked: pickedOf(values.getAll("pick")),
    rerank: values.get("rerank") ?? "",
    fusion: {
      method: values.get("fusion") === "rrf" ? "rrf" : "weighted",
      denseWeight: numberIn(values.get("w"), 0, 1, fusion.denseWeight),
      rankConstant: numberIn(values.get("k"), 0, 1000, fusion.rankConstant),
    },
  };
}

/** The shortest query string that gives the state back. */
export function searchOf(state: PageState): string {
  const values = new URLSearchParams();
  const { fusion } = initialState;
  if (state.view !== "results") values.set("view", state.view);
  if (state.collection !== "") values.set("c", state.collection);
  if (state.query !== "") values.set("q", state.query);
  if (state.filter !== "") values.set("filter", state.filter);
  for (const [field, picks] of Object.entries(state.picked)) {
    for (const value of picks) values.append("pick", `${field}=${value}`);
  }
  if (state.rerank !== "") values.set("rerank", state.rerank);
  if (state.fusion.method !== fusion.method) values.set("fusion", state.fusion.method);
  if (state.fusion.denseWeight !== fusion.denseWeight) {
    values.set("w", String(state.fusion.denseWeight));
  }
  if (state.fusion.rankConstant !== fusion.rankConstant) {
    values.set("k", String(state.fusion.rankConstant));
  }
  const text = values.toString();
  return text === "" ? "" : `?${text}`;
}

/** The filter of a request: what was typed, and what was picked among the facets. */
export function filterText({ filter, picked }: Pick<PageState, "filter" | "picked">): string {
  const clauses = Object.entries(picked)
    .filter(([, picks]) => picks.length > 0)
    .map(([field, picks]) => `${quoted(field)} in (${picks.flatMap(valuesOf).join(", ")})`);
  const typed = filter.trim();
  if (typed !== "") clauses.unshift(clauses.length === 0 ? typed : `(${typed})`);
  return clauses.join(" and ");
}

/** A facet's value as the filter's text writes it: 2020 may be a number or a string. */
function valuesOf(value: string): string[] {
  const plain = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false)$/.test(value) ? [value] : [];
  return [...plain, quoted(value)];
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function pickedOf(pairs: readonly string[]): Record<string, string[]> {
  const picked = new Map<string, string[]>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at > 0) {
      const field = pair.slice(0, at);
      picked.set(field, [...(picked.get(field) ?? []), pair.slice(at + 1)]);
    }
  }
  return Object.fromEntries(picked);
}

function numberIn(text: string | null, least: number, most: number, otherwise: number): number {
  const value = Number(text);
  return text === null || text === "" || !(value >= least && value <= most) ? otherwise : value;
}
