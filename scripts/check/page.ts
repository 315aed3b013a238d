// Drives the web page in a real browser: search, slide, explain, filter, compare, upload, keys,
// both themes, phone width, accessibility. Needs Chromium (CHROMIUM, else chromium on the PATH) and
// fetches playwright-core and axe-core into a folder of its own, so that they are no dependency.
//
//   npm run build && npx tsx scripts/check/page.ts [--screenshots DIR]
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { readPackageDocs } from "../../src/corpus/package-docs.js";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";
import { CollectionRegistry } from "../../src/server/collection-registry.js";
import { startServer } from "../../src/server/start-server.js";

const tools = { "playwright-core": "1.65.1", "axe-core": "4.14.1" };
/** First load, packed, in bytes. */
const mostBytes = 60_000;

const scratch = mkdtempSync(path.join(os.tmpdir(), "braid-page-"));
const at = process.argv.indexOf("--screenshots");
const screenshots = at < 0 ? path.join(scratch, "screenshots") : (process.argv[at + 1] ?? "");

/** The part of playwright-core that is used here. */
interface Page {
  goto(url: string, options?: object): Promise<unknown>;
  fill(selector: string, text: string): Promise<void>;
  click(selector: string, options?: object): Promise<void>;
  check(selector: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  setInputFiles(selector: string, file: string): Promise<void>;
  waitForSelector(selector: string, options?: object): Promise<unknown>;
  waitForTimeout(ms: number): Promise<void>;
  evaluate(code: string): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
  screenshot(options: object): Promise<unknown>;
  on(event: string, listener: (value: Happening) => void): void;
  readonly keyboard: { press(key: string): Promise<void> };
  close(): Promise<void>;
}
interface Happening {
  type?(): string;
  text?(): string;
  url?(): string;
  accept?(): Promise<void>;
  readonly message?: string;
}
interface Browser {
  newContext(options: object): Promise<{ newPage(): Promise<Page>; close(): Promise<void> }>;
  close(): Promise<void>;
}

function fetchTools(): NodeJS.Require {
  const folder = path.join(os.tmpdir(), "braid-page-tools");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), "{}");
  const names = Object.entries(tools).map(([name, version]) => `${name}@${version}`);
  execFileSync("npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", ...names], {
    cwd: folder,
    stdio: "ignore",
  });
  return createRequire(path.join(folder, "package.json"));
}

const load = fetchTools();
const { chromium } = load("playwright-core") as {
  chromium: { launch(options: object): Promise<Browser> };
};
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

const home = path.join(scratch, "indexes");
const building = await SearchableCollection.create(path.join(home, "docs"), {});
await building.addAll(readPackageDocs("node_modules"));
await building.close();
const running = await startServer(new CollectionRegistry(home), { port: 0 });
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
mkdirSync(screenshots, { recursive: true });

const complaints: string[] = [];
async function open(where: string, options: object = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type?.() === "error") complaints.push(message.text?.() ?? "");
  });
  page.on("pageerror", (error) => complaints.push(error.message ?? ""));
  page.on("request", (request) => {
    const url = request.url?.() ?? "";
    if (!url.startsWith(running.address)) complaints.push(`a request went to ${url}`);
  });
  page.on("dialog", (dialog) => void dialog.accept?.());
  await page.goto(running.address + where, { waitUntil: "networkidle" });
  return page;
}
/** Waits for an expression; playwright's own way evaluates text, which the page's policy forbids. */
async function until(page: Page, expression: string, mostMs = 30_000): Promise<void> {
  for (const started = Date.now(); Date.now() - started < mostMs; ) {
    if ((await page.evaluate(expression)) === true) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`waited ${mostMs} ms in vain for ${expression}`);
}
const titles = (page: Page, within = "#main"): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(`${within} .hit-title`)})].map((e) => e.textContent)`,
  ) as Promise<string[]>;
async function step(name: string, work: () => Promise<void>): Promise<void> {
  await work();
  assert.deepEqual(complaints, [], name);
  console.log(`ok  ${name}`);
}
const question = "how do I parse a json request body";
const asked = `/?c=docs&q=${encodeURIComponent(question)}`;

try {
  await step("its first load is small and complete", async () => {
    const page = await open("/");
    const loaded = (await page.evaluate(
      "performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)",
    )) as string[];
    let bytes = 0;
    for (const name of new Set(["/", ...loaded.filter((one) => one.startsWith("/assets/"))])) {
      const response = await fetch(running.address + name);
      bytes += gzipSync(await response.text()).length;
    }
    assert.ok(loaded.length > 10, `only ${loaded.length} resources seen`);
    assert.ok(bytes < mostBytes, `${bytes} bytes`);
    console.log(`    ${bytes} bytes in ${loaded.length} files`);
    await page.close();
  });

  await step("searches as one types and marks the words", async () => {
    const page = await open("/?c=docs");
    await page.fill("#query", question);
    await page.waitForSelector(".hit mark");
    assert.equal((await titles(page)).length, 10);
    assert.match((await page.textContent("#status")) ?? "", /documents in/);
    await page.screenshot({ path: path.join(screenshots, "results.png") });
    await page.close();
  });

  await step("fuses again while the slider moves, without a request", async () => {
    const page = await open(asked);
    await page.waitForSelector(".hit");
    const before = await titles(page);
    let requests = 0;
    // Browsers look at the icon again when the address changes.
    page.on("request", (request) => {
      if (request.url?.().endsWith("/icon.svg") === false) requests++;
    });
    const set = (value: string): Promise<unknown> =>
      page.evaluate(
        `(() => { const s = document.querySelector("#weight"); s.value = "${value}"; s.dispatchEvent(new Event("input")); })()`,
      );
    await set("1");
    const dense = await titles(page);
    await set("0");
    const sparse = await titles(page);
    await set("0.5");
    assert.deepEqual(await titles(page), before);
    assert.notDeepEqual(dense, sparse);
    assert.equal(requests, 0);
    // The first ten of one leg alone are what the service says they are.
    for (const [mode, shown] of Object.entries({ dense, sparse })) {
      const response = await fetch(`${running.address}/v1/collections/docs/search`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query: question, mode, fields: ["title"] }),
      });
      const { hits } = (await response.json()) as { hits: { document: { title: string } }[] };
      assert.deepEqual(
        shown,
        hits.map(({ document }) => document.title),
      );
    }
    await page.close();
  });

  await step("explains a hit with numbers that add up", async () => {
    const page = await open(asked);
    await page.click(".hit-title");
    await page.waitForSelector("#explain[open] .sum");
    const sums = (await page.evaluate(`
      [...document.querySelectorAll("#explain .sum")].map((table) => [
        [...table.querySelectorAll("tbody tr")].map((row) => row.lastElementChild.textContent),
        table.querySelector("tfoot td").textContent,
      ])`)) as [string[], string][];
    assert.equal(sums.length, 2);
    for (const [parts, sum] of sums) {
      const total = parts.reduce((units, part) => units + Math.round(Number(part) * 1e4), 0);
      assert.equal(total, Math.round(Number(sum) * 1e4));
    }
    await page.screenshot({ path: path.join(screenshots, "explain.png") });
    await page.keyboard.press("Escape");
    await page.waitForSelector("#explain:not([open])", { state: "attached" });
    await page.close();
  });

  await step("narrows down by a facet and by a typed filter", async () => {
    const page = await open(asked);
    await page.click(".facet input");
    await until(page, "location.search.includes('pick=')");
    await until(page, "document.querySelectorAll('.facet input:checked').length === 1");
    await page.click("#settings summary");
    await page.fill("#filter", "package = zod");
    await until(
      page,
      "[...document.querySelectorAll('.hit-title')].every((e) => e.textContent.startsWith('zod'))",
    );
    await page.fill("#filter", "package = ");
    await until(page, "document.querySelector('#status').classList.contains('bad')");
    complaints.length = 0; // The browser logs the 400 that the filter deserves.
    await page.close();
  });

  await step("compares three columns with strands, and fuses by ranks", async () => {
    const page = await open(`${asked}&view=compare`);
    await page.waitForSelector(".column.fused .row");
    for (const name of ["sparse", "fused", "dense"]) {
      assert.equal((await titles(page, `.column.${name}`)).length, 10);
    }
    const strands = await page.evaluate("document.querySelectorAll('.strands path').length");
    assert.ok(Number(strands) > 4, `${strands} strands`);
    assert.match((await page.textContent(".overlap")) ?? "", /\d+ of 10 \(Jaccard/);
    await page.screenshot({ path: path.join(screenshots, "compare.png"), fullPage: true });
    await page.click("#settings summary");
    await page.check("input[value=rrf]");
    await until(page, "location.search.includes('fusion=rrf')");
    await until(page, "!document.querySelector('#main').hasAttribute('aria-busy')");
    await page.close();
  });

  await step("reranks and says what it costs", async () => {
    const page = await open(asked);
    await page.click("#settings summary");
    await page.selectOption("#rerank", "late-interaction");
    await until(page, "/costs/.test(document.querySelector('#rerank-cost').textContent)");
    assert.match((await page.textContent(".hit .marks")) ?? "", /before reranking \d+/);
    await page.close();
  });

  await step("copies the request as curl", async () => {
    const page = await open(asked);
    await page.waitForSelector("#copy-curl:not([hidden])");
    await page.click("#copy-curl");
    const command = String(await page.evaluate("navigator.clipboard.readText()"));
    const { stdout } = await promisify(execFile)("sh", ["-c", command]);
    assert.equal((JSON.parse(stdout) as { hits: unknown[] }).hits.length, 10);
    await page.close();
  });

  await step("creates, fills and drops a collection", async () => {
    const page = await open("/?view=collections");
    await page.fill("#new-name", "mine");
    await page.click(".card.new button");
    await page.waitForSelector("#upload-mine", { state: "attached" });
    const file = path.join(scratch, "mine.jsonl");
    const lines = Array.from({ length: 400 }, (_, i) =>
      JSON.stringify({ _id: `n${i}`, text: `hare ${i}` }),
    );
    writeFileSync(file, `${lines.join("\n")}\nnot json\n`);
    await page.setInputFiles("#upload-mine", file);
    await until(
      page,
      "/400 added, 0 replaced, 1 refused/.test(document.querySelector('[aria-label=mine] .upload-report').textContent)",
    );
    await page.screenshot({ path: path.join(screenshots, "collections.png") });
    await page.click("[aria-label=mine] .danger");
    await page.waitForSelector("[aria-label=mine]", { state: "detached" });
    await page.close();
  });

  await step("is used with keys alone", async () => {
    const page = await open(asked);
    await page.waitForSelector(".hit");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const focused = await page.evaluate("document.activeElement.textContent");
    assert.equal(focused, (await titles(page))[1]);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#explain[open]");
    await page.keyboard.press("Escape");
    await until(page, "document.activeElement.classList.contains('hit-title')");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate("document.activeElement.id"), "query");
    await page.close();
  });

  await step("shows nothing of a document as markup", async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script> hare';
    await fetch(`${running.address}/v1/collections/evil`, { method: "PUT" });
    const sent = await fetch(`${running.address}/v1/collections/evil/documents`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify([{ _id: evil, title: evil, text: evil, tag: evil.slice(0, 50) }]),
    });
    assert.equal(sent.status, 200);
    const page = await open("/?c=evil&q=hare");
    await page.click(".hit-title");
    await page.waitForSelector("#explain[open]");
    assert.equal(
      await page.evaluate("document.querySelectorAll('main img, dialog img').length"),
      0,
    );
    assert.equal(await page.evaluate("document.title"), "Braid");
    await page.close();
  });

  await step("has no serious finding of axe-core, in both themes and at phone width", async () => {
    for (const colorScheme of ["light", "dark"]) {
      for (const [name, where] of Object.entries({
        results: asked,
        compare: `${asked}&view=compare`,
        collections: "/?view=collections",
      })) {
        for (const width of [1280, 390]) {
          const page = await open(where, {
            colorScheme,
            viewport: { width, height: 844 },
            bypassCSP: true,
          });
          await page.waitForTimeout(300);
          const sideways = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth",
          );
          assert.equal(sideways, 0, `${name} scrolls sideways at ${width}`);
          await page.screenshot({
            path: path.join(screenshots, `${name}-${colorScheme}-${width}.png`),
          });
          await page.evaluate(axe);
          const found = (await page.evaluate("axe.run()")) as {
            passes: unknown[];
            violations: { id: string; impact: string; nodes: { html: string }[] }[];
          };
          assert.ok(found.passes.length > 20, `axe looked at ${found.passes.length} rules only`);
          const serious = found.violations.map(
            ({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html.slice(0, 200)}`,
          );
          assert.deepEqual(serious, [], `${name}, ${colorScheme}, ${width}`);
          await page.close();
        }
      }
    }
  });
  console.log(`the page passes; screenshots in ${screenshots}`);
} finally {
  await browser.close();
  await running.stop();
  if (at >= 0) rmSync(scratch, { recursive: true, force: true });
}
