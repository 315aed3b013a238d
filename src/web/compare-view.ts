import { type Child, element } from "./element.js";
import { candidateDepth, type Findings } from "./findings.js";
import { type FusedCandidate, fuseAgain } from "./fuse-again.js";
import { passage, rankShift, titleOf } from "./hit-parts.js";
import { scoreText } from "./number-text.js";
import type { PageState } from "./page-state.js";
import { drawStrands } from "./strands.js";

const shownHits = 10;

interface Entry {
  readonly id: string;
  readonly title: string;
  readonly score: number | null;
  readonly marks: readonly HTMLElement[];
}

/** The lists of both legs with the fused one between them, and what they have in common. */
export function compareView(
  findings: Findings,
  state: PageState,
  explain: (id: string) => void,
): Child[] {
  if (findings.comparison === null) {
    return [
      element(
        "p",
        { class: "notice" },
        "This collection has a sparse leg only: there is nothing to compare it with.",
      ),
    ];
  }
  const { candidates } = findings;
  const { ranking, certainCount } = fuseAgain(candidates, state.fusion, candidateDepth);
  const fused = ranking.slice(0, shownHits);
  const sparse = legList(findings, "sparse");
  const dense = legList(findings, "dense");
  const columns = element(
    "div",
    { class: "columns" },
    column(findings, "sparse", "Sparse", "BM25: the query's words", sparse, explain),
    column(
      findings,
      "fused",
      "Fused",
      fusedNote(fused, certainCount),
      fused.map(fusedEntry),
      explain,
    ),
    column(findings, "dense", "Dense", "nearness of meaning", dense, explain),
  );
  drawStrands(columns);
  return [overlapPart(sparse, fused, dense), columns];
}

function fusedNote(fused: readonly FusedCandidate[], certainCount: number): string {
  if (certainCount >= fused.length) return "both, at this balance";
  return `both; places from ${certainCount + 1} on may miss documents beyond the first ${candidateDepth} of each leg`;
}

function legList({ candidates }: Findings, leg: "sparse" | "dense"): Entry[] {
  return candidates
    .filter((candidate) => candidate[leg].rank !== null)
    .sort((a, b) => (a[leg].rank ?? 0) - (b[leg].rank ?? 0))
    .slice(0, shownHits)
    .map((candidate) => ({
      id: candidate.id,
      title: candidate.title,
      score: candidate[leg].score,
      marks: [],
    }));
}

function fusedEntry({ id, title, score, place, sparse, dense }: FusedCandidate): Entry {
  return {
    id,
    title,
    score,
    marks: [rankShift("sparse", sparse.rank, place), rankShift("dense", dense.rank, place)],
  };
}

function column(
  { documents }: Findings,
  name: "sparse" | "fused" | "dense",
  heading: string,
  note: string,
  entries: readonly Entry[],
  explain: (id: string) => void,
): HTMLElement {
  const items = entries.map(({ id, title, score, marks }, i) => {
    const found = documents.get(id);
    const text = name === "fused" ? passage(found?.highlights["text"]?.[0]) : [];
    return element(
      "li",
      { class: "row", "data-doc": id },
      element("span", { class: "place", "aria-hidden": "true" }, String(i + 1)),
      element(
        "div",
        { class: "hit-body" },
        element(
          "button",
          {
            type: "button",
            class: "hit-title",
            "data-key": `${name} ${id}`,
            onclick: () => explain(id),
          },
          ...titleOf(id, title, found),
        ),
        text.length > 0 && element("p", { class: "passage" }, ...text),
        element(
          "p",
          { class: "marks" },
          ...marks,
          element("span", { class: "score" }, scoreText(score)),
        ),
      ),
    );
  });
  return element(
    "section",
    { class: `column ${name}`, "aria-labelledby": `column-${name}` },
    element("h2", { id: `column-${name}` }, heading),
    element("p", { class: "column-note" }, note),
    items.length === 0
      ? element("p", { class: "notice" }, "nothing")
      : element("ol", { class: "rows" }, ...items),
  );
}

function overlapPart(
  sparse: readonly Entry[],
  fused: readonly { readonly id: string }[],
  dense: readonly Entry[],
): HTMLElement {
  const share = (a: readonly { id: string }[], b: readonly { id: string }[]): string => {
    const ids = new Set(a.map(({ id }) => id));
    const common = b.filter(({ id }) => ids.has(id)).length;
    const union = a.length + b.length - common;
    return `${common} of ${Math.max(a.length, b.length)} (Jaccard ${union === 0 ? "1" : (common / union).toFixed(2)})`;
  };
  const item = (name: string, text: string): HTMLElement =>
    element("div", {}, element("dt", {}, name), element("dd", {}, text));
  return element(
    "dl",
    { class: "overlap", "aria-label": "What the first ten have in common" },
    item("sparse ∩ dense", share(sparse, dense)),
    item("sparse ∩ fused", share(sparse, fused)),
    item("dense ∩ fused", share(dense, fused)),
  );
}
