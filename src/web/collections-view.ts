import type { CollectionDescription, UploadReport } from "../client/index.js";
import { type Child, element } from "./element.js";
import { bytesText, countText } from "./number-text.js";
import { client, describe, forget, withKey } from "./session.js";
import { uploadFile } from "./upload.js";

/** All collections with their sizes, models and health; making, filling and dropping them. */
export async function collectionsView(onChange: () => void): Promise<Child[]> {
  const { collections } = await withKey(() => client.collections());
  const cards = await Promise.all(
    collections.map(async ({ name, problem }) => {
      if (problem !== null) return brokenCard(name, problem);
      forget(name);
      return card(await describe(name), onChange);
    }),
  );
  return [element("div", { class: "cards" }, ...cards, creationCard(onChange))];
}

function brokenCard(name: string, problem: string): HTMLElement {
  return element(
    "section",
    { class: "card", "aria-label": name },
    element("h2", {}, name),
    element("p", { class: "health bad" }, problem),
  );
}

function card(collection: CollectionDescription, onChange: () => void): HTMLElement {
  const { name, docCount, totalBytes, segmentCount, encoder, settings, problem } = collection;
  const bm25 = settings["bm25"] as { k1: number; b: number } | undefined;
  const row = (label: string, value: string, title?: string): HTMLElement =>
    element("div", {}, element("dt", {}, label), element("dd", { title }, value));
  return element(
    "section",
    { class: "card", "aria-label": name },
    element("h2", {}, name),
    element(
      "p",
      { class: problem === null ? "health good" : "health bad" },
      problem ?? "whole and searchable",
    ),
    element(
      "dl",
      {},
      row("documents", countText(docCount)),
      row(
        "size",
        `${bytesText(totalBytes)} in ${countText(segmentCount)} ${segmentCount === 1 ? "segment" : "segments"}`,
      ),
      row(
        "model",
        encoder === null
          ? "none: sparse leg only"
          : `${encoder.name}, ${encoder.dimension} dimensions`,
        encoder?.fingerprint,
      ),
      row("analyzer", String(settings.analyzer)),
      ...(bm25 === undefined ? [] : [row("BM25", `k1 ${bm25.k1}, b ${bm25.b}`)]),
      row("changes seen", countText(collection.generation)),
    ),
    uploadPart(name, onChange),
    element(
      "button",
      {
        type: "button",
        class: "quiet danger",
        onclick: () => {
          if (!confirm(`Drop ${name} with its ${countText(docCount)} documents?`)) return;
          void withKey(() => client.dropCollection(name)).then(() => {
            forget(name);
            onChange();
          });
        },
      },
      "Drop",
    ),
  );
}

function uploadPart(name: string, onChange: () => void): HTMLElement {
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Upload to ${name}` });
  const report = element("p", { class: "upload-report", role: "status" });
  const errors = element("ul", { class: "upload-errors" });
  bar.hidden = true;
  const input = element("input", {
    type: "file",
    id: `upload-${name}`,
    class: "visually-hidden",
    accept: ".jsonl,.ndjson,.json,.gz",
    onchange: () => {
      const file = input.files?.[0];
      if (file === undefined) return;
      bar.hidden = false;
      bar.value = 0;
      errors.replaceChildren();
      report.textContent = `sending ${file.name} …`;
      uploadFile(name, file, (share) => {
        bar.value = share;
        report.textContent =
          share < 1 ? `${Math.round(share * 100)} % sent` : "sent; waiting until it is durable …";
      })
        .then((done) => {
          bar.hidden = true;
          report.textContent = reportText(done);
          const shown = done.errors.slice(0, 5);
          errors.replaceChildren(...shown.map(({ detail }) => element("li", {}, detail)));
          forget(name);
          if (done.failed === 0) onChange();
        })
        .catch((error: unknown) => {
          bar.hidden = true;
          report.textContent = error instanceof Error ? error.message : String(error);
        })
        .finally(() => {
          input.value = "";
        });
    },
  });
  return element(
    "div",
    { class: "upload" },
    input,
    element("label", { class: "button", for: `upload-${name}` }, "Add a JSONL file"),
    bar,
    report,
    errors,
  );
}

function reportText({ added, replaced, failed }: UploadReport): string {
  const parts = [`${countText(added)} added`, `${countText(replaced)} replaced`];
  if (failed > 0) parts.push(`${countText(failed)} refused`);
  return parts.join(", ");
}

function creationCard(onChange: () => void): HTMLElement {
  const name = element("input", {
    id: "new-name",
    type: "text",
    required: true,
    pattern: "[a-z0-9][a-z0-9._\\-]*",
    maxlength: 64,
    autocomplete: "off",
  });
  const dense = element("input", { id: "new-dense", type: "checkbox", checked: true });
  const report = element("p", { class: "upload-report", role: "status" });
  const form = element(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        const settings = dense.checked ? {} : { encoder: null };
        withKey(() => client.createCollection(name.value, settings))
          .then(onChange)
          .catch((error: unknown) => {
            report.textContent = error instanceof Error ? error.message : String(error);
          });
      },
    },
    element("label", { for: "new-name" }, "Name"),
    name,
    element(
      "label",
      { class: "check", for: "new-dense" },
      dense,
      " with a dense leg (bundled encoder)",
    ),
    element("button", { type: "submit", class: "primary" }, "Create"),
    report,
  );
  return element(
    "section",
    { class: "card new", "aria-label": "New collection" },
    element("h2", {}, "New collection"),
    form,
  );
}
