import type { SearchAnswer } from "../client/index.js";
import { type Child, element } from "./element.js";
import type { Findings, FoundDocument } from "./findings.js";
import { candidateDepth, documentsOf } from "./findings.js";
import { fuseAgain } from "./fuse-again.js";
import { metadataLine, passage, rankShift, titleOf } from "./hit-parts.js";
import { countText, scoreText } from "./number-text.js";
import type { PageState } from "./page-state.js";

const shownHits = 10;

export interface ResultActions {
  explain(id: string): void;
  pick(field: string, value: string): void;
}

interface ShownHit {
  readonly id: string;
  readonly title: string;
  readonly score: number;
  readonly marks: readonly HTMLElement[];
  readonly found: FoundDocument | undefined;
}

/** The fused list with passages, and the facets beside it. */
export function resultsView(
  findings: Findings,
  reranked: SearchAnswer | null,
  state: PageState,
  actions: ResultActions,
): Child[] {
  const hits = reranked === null ? fusedHits(findings, state) : rerankedHits(reranked);
  const facets = facetPart(findings, state, actions);
  const list =
    hits.length === 0
      ? element(
          "p",
          { class: "notice" },
          "No document fits. Fewer words or a wider filter may help.",
        )
      : element("ol", { class: "hits" }, ...hits.map((hit, i) => hitItem(hit, i + 1, actions)));
  return [
    element("div", { class: facets === null ? "results" : "results with-facets" }, list, facets),
  ];
}

function fusedHits(findings: Findings, state: PageState): ShownHit[] {
  const { answer, documents, candidates } = findings;
  if (answer !== null) {
    return answer.hits.slice(0, shownHits).map(({ id, score }) => {
      const found = documents.get(id);
      return { id, title: String(found?.fields["title"] ?? ""), score, marks: [], found };
    });
  }
  return fuseAgain(candidates, state.fusion, candidateDepth)
    .ranking.slice(0, shownHits)
    .map(({ id, title, score, place, sparse, dense }) => ({
      id,
      title,
      score,
      marks: [rankShift("sparse", sparse.rank, place), rankShift("dense", dense.rank, place)],
      found: documents.get(id),
    }));
}

function rerankedHits(answer: SearchAnswer): ShownHit[] {
  const documents = documentsOf(answer);
  return answer.hits.map(({ id, rank, score, explain }) => {
    const before = explain?.rerank?.rankBefore;
    const found = documents.get(id);
    return {
      id,
      title: String(found?.fields["title"] ?? ""),
      score,
      marks: before === undefined ? [] : [rerankShift(before, rank)],
      found,
    };
  });
}

function rerankShift(before: number, rank: number): HTMLElement {
  const shift = before - rank;
  const mark = shift === 0 ? "=" : shift > 0 ? `▲${shift}` : `▼${-shift}`;
  return element("span", { class: "shift fused" }, `before reranking ${before} ${mark}`);
}

function hitItem(hit: ShownHit, place: number, actions: ResultActions): HTMLElement {
  const { id, title, score, marks, found } = hit;
  const text = passage(found?.highlights["text"]?.[0]);
  return element(
    "li",
    { class: "hit" },
    element("span", { class: "place", "aria-hidden": "true" }, String(place)),
    element(
      "div",
      { class: "hit-body" },
      element(
        "h2",
        {},
        element(
          "button",
          {
            type: "button",
            class: "hit-title",
            "data-key": id,
            onclick: () => actions.explain(id),
          },
          ...titleOf(id, title, found),
        ),
      ),
      text.length > 0 && element("p", { class: "passage" }, ...text),
      metadataLine(found),
      element(
        "p",
        { class: "marks" },
        ...marks,
        element("span", { class: "score", title: "score" }, scoreText(score)),
      ),
    ),
  );
}

/** Fields whose values tell documents apart, with the most frequent values. */
function facetPart(
  { facets }: Findings,
  { picked }: PageState,
  actions: ResultActions,
): HTMLElement | null {
  const groups = Object.entries(facets).flatMap(([field, counts]) => {
    const values = Object.entries(counts);
    const chosen = new Set(picked[field] ?? []);
    const tells = values.length > 1 && values.length < 100 && values.some(([, count]) => count > 1);
    if (!tells && chosen.size === 0) return [];
    const shown = values.sort(([, a], [, b]) => b - a).slice(0, 8);
    return [
      element(
        "fieldset",
        { class: "facet" },
        element("legend", {}, field),
        ...shown.map(([value, count]) =>
          element(
            "label",
            {},
            element("input", {
              type: "checkbox",
              checked: chosen.has(value),
              "data-key": `${field}=${value}`,
              onchange: () => actions.pick(field, value),
            }),
            element("span", { class: "facet-value" }, value),
            element("span", { class: "facet-count" }, countText(count)),
          ),
        ),
      ),
    ];
  });
  if (groups.length === 0) return null;
  const isWide = matchMedia("(min-width: 56rem)").matches;
  const anyPicked = Object.values(picked).some((values) => values.length > 0);
  return element(
    "aside",
    { class: "facets", "aria-label": "Narrow down" },
    element(
      "details",
      { open: isWide || anyPicked },
      element("summary", {}, "Narrow down"),
      ...groups,
    ),
  );
}
