import type { Explanation, StoredDocument } from "../client/index.js";
import { element } from "./element.js";
import { candidateDepth, type Findings } from "./findings.js";
import { type FusedCandidate, fuseAgain, legWeights } from "./fuse-again.js";
import { partTexts, scoreText } from "./number-text.js";
import type { PageState } from "./page-state.js";
import { client, withKey } from "./session.js";

/** Fills the drawer with why a document stands where it stands, and opens it. */
export async function openExplanation(
  drawer: HTMLDialogElement,
  id: string,
  findings: Findings,
  reranked: Explanation | null,
  state: PageState,
): Promise<void> {
  const fused = fuseAgain(findings.candidates, state.fusion, candidateDepth).ranking.find(
    (candidate) => candidate.id === id,
  );
  const found = findings.documents.get(id);
  const known = reranked ?? found?.explain ?? null;
  const explanation = known ?? (await explanationOf(id, findings, state));
  const title = String(found?.fields["title"] ?? fused?.title ?? "") || id;
  const body = element("div", { class: "document-text" });
  drawer.replaceChildren(
    element(
      "div",
      { class: "drawer-head" },
      element("h2", { id: "explain-title" }, title),
      element(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Close",
          onclick: () => drawer.close(),
        },
        "×",
      ),
    ),
    element("p", { class: "doc-id" }, id),
    ...(fused === undefined ? [] : [fusionPart(fused, state)]),
    ...rerankPart(explanation),
    ...sparsePart(explanation),
    ...densePart(explanation),
    element(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: (event) => {
          (event.currentTarget as HTMLElement).remove();
          void showDocument(body, id, findings.collection.name);
        },
      },
      "Show the document",
    ),
    body,
  );
  if (!drawer.open) drawer.showModal();
  drawer.scrollTop = 0;
}

async function explanationOf(
  id: string,
  findings: Findings,
  state: PageState,
): Promise<Explanation> {
  const { explain } = await withKey(() =>
    client.explain(findings.collection.name, { query: state.query, id }),
  );
  return explain;
}

/** Weight times what each leg says, leg by leg, and their sum: the score that was ranked by. */
function fusionPart(fused: FusedCandidate, { fusion }: PageState): HTMLElement {
  const weights = legWeights(fusion);
  const parts = [fused.contributions.sparse, fused.contributions.dense];
  const texts = partTexts(parts);
  const sum = fused.score.toFixed(4);
  const legs = ["sparse", "dense"] as const;
  const row = (leg: "sparse" | "dense", i: number): HTMLElement => {
    const { rank, normalized } = fused[leg];
    const said =
      fusion.method === "rrf"
        ? rank === null
          ? "not ranked"
          : `1 ÷ (${fusion.rankConstant} + ${rank})`
        : scoreText(normalized);
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: `${leg}-text` }, leg),
      element("td", {}, rank === null ? "–" : String(rank)),
      element("td", {}, said),
      element("td", {}, `× ${weights[leg].toFixed(2)}`),
      element("td", {}, texts[i] ?? ""),
    );
  };
  return element(
    "section",
    {},
    element("h3", {}, `Place ${fused.place}: ${sum}`),
    shareBar(parts),
    element(
      "table",
      { class: "sum" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...[
            "leg",
            "rank",
            fusion.method === "rrf" ? "of its rank" : "normalised",
            "weight",
            "adds",
          ].map((name) => element("th", { scope: "col" }, name)),
        ),
      ),
      element("tbody", {}, ...legs.map(row)),
      element(
        "tfoot",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "row", colspan: 4 }, "score"),
          element("td", {}, sum),
        ),
      ),
    ),
  );
}

function shareBar(parts: readonly number[]): HTMLElement {
  const total = parts.reduce((sum, part) => sum + Math.max(part, 0), 0);
  const bar = element("div", { class: "share-bar", "aria-hidden": "true" });
  for (const [i, part] of parts.entries()) {
    const piece = element("span", { class: i === 0 ? "sparse-fill" : "dense-fill" });
    piece.style.setProperty("--share", String(total === 0 ? 0 : Math.max(part, 0) / total));
    bar.append(piece);
  }
  return bar;
}

function rerankPart({ rerank }: Explanation): HTMLElement[] {
  if (rerank === undefined) return [];
  return [
    element(
      "section",
      {},
      element("h3", {}, "Reranker"),
      element(
        "p",
        {},
        `was at ${rerank.rankBefore}; the reranker gives ${scoreText(rerank.score)}`,
      ),
    ),
  ];
}

function sparsePart({ sparse }: Explanation): HTMLElement[] {
  if (sparse === undefined) return [];
  if (sparse.terms.length === 0) {
    return [
      element(
        "section",
        {},
        element("h3", { class: "sparse-text" }, "Sparse"),
        element("p", {}, "It has none of the query's words."),
      ),
    ];
  }
  const terms = [...sparse.terms].sort((a, b) => b.score - a.score);
  const texts = partTexts(terms.map(({ score }) => score));
  const most = Math.max(...terms.map(({ score }) => score));
  return [
    element(
      "section",
      {},
      element("h3", { class: "sparse-text" }, `Sparse: ${(sparse.score ?? 0).toFixed(4)}`),
      element(
        "table",
        { class: "sum" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "col" }, "term"),
            element("th", { scope: "col" }, element("abbr", { title: "occurrences here" }, "tf")),
            element("th", { scope: "col" }, element("abbr", { title: "documents with it" }, "df")),
            element("th", { scope: "col" }, element("abbr", { title: "rarity" }, "idf")),
            element("th", { scope: "col" }, "adds"),
          ),
        ),
        element(
          "tbody",
          {},
          ...terms.map(({ term, tf, df, idf, score }, i) => {
            const bar = element("span", { class: "term-bar", "aria-hidden": "true" });
            bar.style.setProperty("--share", String(most === 0 ? 0 : score / most));
            return element(
              "tr",
              {},
              element("th", { scope: "row" }, term, bar),
              element("td", {}, String(tf)),
              element("td", {}, String(df)),
              element("td", {}, idf.toFixed(2)),
              element("td", {}, texts[i] ?? ""),
            );
          }),
        ),
        element(
          "tfoot",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "row", colspan: 4 }, "BM25"),
            element("td", {}, (sparse.score ?? 0).toFixed(4)),
          ),
        ),
      ),
    ),
  ];
}

function densePart({ dense }: Explanation): HTMLElement[] {
  if (dense === undefined) return [];
  const rank = dense.rank === null ? "not among its candidates" : `rank ${dense.rank}`;
  return [
    element(
      "section",
      {},
      element("h3", { class: "dense-text" }, `Dense: ${scoreText(dense.score)}`),
      element("p", {}, `${rank}; similarity of the query's and the document's vectors`),
    ),
  ];
}

async function showDocument(body: HTMLElement, id: string, collection: string): Promise<void> {
  let stored: StoredDocument;
  try {
    stored = await withKey(() => client.document(collection, id));
  } catch (error) {
    body.textContent = error instanceof Error ? error.message : String(error);
    return;
  }
  const { _id, title, text, ...fields } = stored;
  const metadata = Object.entries(fields).map(([name, value]) =>
    element(
      "div",
      {},
      element("dt", {}, name),
      element("dd", {}, typeof value === "string" ? value : JSON.stringify(value)),
    ),
  );
  body.replaceChildren(
    element("p", { class: "text" }, text.slice(0, 20_000)),
    ...(metadata.length === 0 ? [] : [element("dl", { class: "fields" }, ...metadata)]),
  );
}
