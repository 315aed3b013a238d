import { ProblemError, type SearchAnswer } from "../client/index.js";
import { collectionsView } from "./collections-view.js";
import { compareView } from "./compare-view.js";
import { curlCommand } from "./curl-command.js";
import { byId, element, replaceContent } from "./element.js";
import { openExplanation } from "./explain-drawer.js";
import { type Findings, find, findReranked, requestOf } from "./findings.js";
import { countText, millisecondsText } from "./number-text.js";
import { type PageState, searchOf, stateOf, type View } from "./page-state.js";
import { resultsView } from "./results-view.js";
import { client, hasKey, withKey } from "./session.js";

/** Quiet time after a key before the service is asked. */
const typingPauseMs = 120;
const views: readonly View[] = ["results", "compare", "collections"];

const main = byId("main", HTMLElement);
const status = byId("status", HTMLElement);
const queryInput = byId("query", HTMLInputElement);
const filterInput = byId("filter", HTMLInputElement);
const collectionSelect = byId("collection", HTMLSelectElement);
const weightInput = byId("weight", HTMLInputElement);
const rankConstantInput = byId("rank-constant", HTMLInputElement);
const rerankSelect = byId("rerank", HTMLSelectElement);
const rerankCost = byId("rerank-cost", HTMLOutputElement);
const copyButton = byId("copy-curl", HTMLButtonElement);
const drawer = byId("explain", HTMLDialogElement);
const help = byId("help", HTMLDialogElement);

let state: PageState = stateOf(location.search);
let findings: Findings | null = null;
let reranked: SearchAnswer | null = null;
let asking: AbortController | null = null;
/** Collections that cannot be opened. */
let brokenCount = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Takes a change of the state in: the address follows, then what it makes necessary. */
function change(part: Partial<PageState>, then: "ask" | "ask soon" | "show"): void {
  state = { ...state, ...part };
  history.replaceState(null, "", location.pathname + searchOf(state));
  showControls();
  clearTimeout(timer);
  if (then === "ask soon") timer = setTimeout(() => void ask(), typingPauseMs);
  else if (then === "ask") void ask();
  else void show();
}

async function ask(): Promise<void> {
  asking?.abort();
  if (state.view === "collections") return show();
  if (state.query.trim() === "" || state.collection === "") {
    findings = null;
    return show();
  }
  const mine = new AbortController();
  asking = mine;
  main.setAttribute("aria-busy", "true");
  try {
    const found = await find(state, mine.signal);
    if (mine.signal.aborted) return;
    findings = found;
    reranked = null;
    await show();
    say(foundText(found), ...stageTimes(found));
    if (state.rerank !== "" && state.view === "results") await askReranked(found, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) fail(error);
  } finally {
    if (asking === mine) main.removeAttribute("aria-busy");
  }
}

async function askReranked(found: Findings, signal: AbortSignal): Promise<void> {
  rerankCost.textContent = "…";
  const answer = await findReranked(state, found.collection, signal);
  if (signal.aborted) return;
  const stage = answer.stages.find(({ name }) => name === "rerank");
  rerankCost.textContent = stage === undefined ? "" : `costs ${millisecondsText(stage.ms)}`;
  reranked = answer;
  await show();
}

async function show(): Promise<void> {
  if (state.view === "collections") {
    try {
      say("");
      replaceContent(main, ...(await collectionsView(() => void loadCollections().then(show))));
    } catch (error) {
      fail(error);
    }
    return;
  }
  const current = findings;
  copyButton.hidden = current === null;
  if (current === null) {
    replaceContent(main, welcome());
    say("");
    return;
  }
  if (state.view === "compare") replaceContent(main, ...compareView(current, state, explain));
  else {
    const shown = state.rerank === "" ? null : reranked;
    replaceContent(main, ...resultsView(current, shown, state, { explain, pick }));
  }
}

function welcome(): HTMLElement {
  const name = state.collection;
  return element(
    "div",
    { class: "welcome" },
    element(
      "p",
      {},
      name === "" && brokenCount > 0
        ? `None of the ${countText(brokenCount)} collections can be opened: Collections says why.`
        : name === ""
          ? "There is no collection yet. Create one under Collections, or build one with braid index."
          : "Words and meaning, braided: every answer shows what each of the two found.",
    ),
  );
}

function foundText({ total, tookMs, collection }: Findings): string {
  const problem = collection.problem === null ? "" : ` · ${collection.problem}`;
  return `${countText(total)} documents in ${millisecondsText(tookMs)}${problem}`;
}

/** Where the time went: for the eye, not read out. */
function stageTimes({ comparison, answer }: Findings): HTMLElement[] {
  const stages = comparison?.stages ?? answer?.stages ?? [];
  const parts = stages
    .filter(({ name }) => name === "sparse" || name === "dense" || name === "encode")
    .map(({ name, ms }) => `${name} ${millisecondsText(ms)}`);
  const text = ` · ${parts.join(", ")}`;
  return [element("span", { class: "stage-times", "aria-hidden": "true" }, text)];
}

function say(text: string, ...more: readonly Node[]): void {
  status.classList.remove("bad");
  status.replaceChildren(text, ...more);
}

function fail(error: unknown): void {
  status.classList.add("bad");
  status.textContent =
    error instanceof ProblemError || error instanceof Error ? error.message : String(error);
}

function explain(id: string): void {
  if (findings === null) return;
  const hit = state.rerank === "" ? undefined : reranked?.hits.find((one) => one.id === id);
  openExplanation(drawer, id, findings, hit?.explain ?? null, state).catch(fail);
}

function pick(field: string, value: string): void {
  const before = state.picked[field] ?? [];
  const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
  change({ picked: { ...state.picked, [field]: after } }, "ask");
}

function showControls(): void {
  for (const view of views) {
    const tab = byId(`tab-${view}`, HTMLButtonElement);
    if (view === state.view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  byId("ask", HTMLFormElement).hidden = state.view === "collections";
  const { method, denseWeight, rankConstant } = state.fusion;
  for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=method]")) {
    radio.checked = radio.value === method;
  }
  if (queryInput.value !== state.query) queryInput.value = state.query;
  if (filterInput.value !== state.filter) filterInput.value = state.filter;
  weightInput.value = String(denseWeight);
  rankConstantInput.value = String(rankConstant);
  weightInput.setAttribute("aria-valuetext", balanceText(denseWeight));
  byId("weight-value", HTMLOutputElement).textContent =
    `${Math.round(100 - denseWeight * 100)} : ${Math.round(denseWeight * 100)}`;
  byId("rank-constant-value", HTMLOutputElement).textContent = String(rankConstant);
  byId("rank-constant-part", HTMLElement).hidden = method !== "rrf";
  rerankSelect.value = state.rerank;
  if (state.rerank === "") rerankCost.textContent = "";
}

function balanceText(denseWeight: number): string {
  const dense = Math.round(denseWeight * 100);
  return `${100 - dense} % sparse, ${dense} % dense`;
}

async function loadCollections(): Promise<void> {
  const { collections } = await withKey(() => client.collections());
  const usable = collections.filter(({ problem }) => problem === null);
  collectionSelect.replaceChildren(
    ...usable.map(({ name }) => element("option", { value: name }, name)),
  );
  const known = usable.some(({ name }) => name === state.collection);
  if (!known) state = { ...state, collection: usable[0]?.name ?? "" };
  brokenCount = collections.length - usable.length;
  collectionSelect.value = state.collection;
}

function listen(): void {
  byId("ask", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    change({}, "ask");
  });
  queryInput.addEventListener("input", () => change({ query: queryInput.value }, "ask soon"));
  filterInput.addEventListener("input", () => change({ filter: filterInput.value }, "ask soon"));
  collectionSelect.addEventListener("change", () =>
    change({ collection: collectionSelect.value, picked: {} }, "ask"),
  );
  weightInput.addEventListener("input", () => {
    const fusion = { ...state.fusion, denseWeight: Number(weightInput.value) };
    change({ fusion }, state.rerank === "" ? "show" : "ask soon");
  });
  rankConstantInput.addEventListener("input", () => {
    const fusion = { ...state.fusion, rankConstant: Number(rankConstantInput.value) };
    change({ fusion }, state.rerank === "" ? "show" : "ask soon");
  });
  for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=method]")) {
    radio.addEventListener("change", () => {
      const method = radio.value === "rrf" ? "rrf" : "weighted";
      // Rank fusion comes without normalised scores: the comparison is asked for again.
      change({ fusion: { ...state.fusion, method } }, "ask");
    });
  }
  rerankSelect.addEventListener("change", () => change({ rerank: rerankSelect.value }, "ask"));
  for (const view of views) {
    byId(`tab-${view}`, HTMLButtonElement).addEventListener("click", () =>
      change({ view }, view !== "collections" && findings === null ? "ask" : "show"),
    );
  }
  copyButton.addEventListener("click", () => void copyCurl());
  byId("show-help", HTMLButtonElement).addEventListener("click", () => help.showModal());
  byId("theme", HTMLButtonElement).addEventListener("click", changeTheme);
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer) drawer.close();
  });
  document.addEventListener("keydown", onKey);
  addEventListener("popstate", () => {
    state = stateOf(location.search);
    showControls();
    void ask();
  });
}

async function copyCurl(): Promise<void> {
  if (findings === null) return;
  const { collection } = findings;
  const url = `${location.origin}/v1/collections/${collection.name}/search`;
  await navigator.clipboard.writeText(curlCommand(url, requestOf(state, collection), hasKey()));
  copyButton.textContent = "Copied";
  setTimeout(() => {
    copyButton.textContent = "Copy as curl";
  }, 1500);
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  const typing = target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (document.querySelector("dialog[open]") !== null) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    queryInput.select();
  } else if (event.key === "?" && !typing) {
    help.showModal();
  } else if (event.key === "Escape" && target === queryInput) {
    queryInput.blur();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (typing && target !== queryInput) return;
    if (target.matches("input[type=range], input[type=radio]")) return;
    moveFocus(event, event.key === "ArrowDown" ? 1 : -1);
  }
}

/** To the next or previous hit; above the first one is the query. */
function moveFocus(event: KeyboardEvent, step: 1 | -1): void {
  const titles = [...main.querySelectorAll<HTMLElement>(".hit-title")];
  if (titles.length === 0) return;
  const at = titles.indexOf(document.activeElement as HTMLElement);
  if (at < 0 && (step < 0 || document.activeElement !== queryInput)) return;
  event.preventDefault();
  const next = at + step;
  if (next < 0) queryInput.focus();
  else titles[Math.min(next, titles.length - 1)]?.focus();
}

const themes = ["", "light", "dark"] as const;

function changeTheme(): void {
  const root = document.documentElement;
  const at = themes.findIndex((theme) => theme === (root.dataset["theme"] ?? ""));
  const next = themes[(at + 1) % themes.length] ?? "";
  if (next === "") delete root.dataset["theme"];
  else root.dataset["theme"] = next;
  localStorage.setItem("braid-theme", next);
  byId("theme", HTMLButtonElement).setAttribute(
    "aria-label",
    `Change the colours (now ${next === "" ? "as the system" : next})`,
  );
}

async function start(): Promise<void> {
  const theme = localStorage.getItem("braid-theme") ?? "";
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  rerankSelect.append(element("option", { value: "late-interaction" }, "late interaction"));
  listen();
  showControls();
  try {
    await loadCollections();
  } catch (error) {
    fail(error);
  }
  showControls();
  await ask();
  if (state.view !== "collections") queryInput.focus({ preventScroll: true });
}

void start();
