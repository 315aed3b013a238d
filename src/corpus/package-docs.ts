/**
 * The documentation of installed packages as a corpus: every Markdown page that the packages of a
 * `node_modules` folder ship, one document per section.
 *
 * What is read, and why not the rest:
 * 1. Packages that every platform installs. A package for some systems or processors only (the
 *    binaries of a compiler, say) is left out, so the corpus is the same everywhere. With a
 *    package-lock.json beside the folder, only what it pins is read.
 * 2. One version of a package: the one at the top of the folder, or else the first by path.
 * 3. README and other pages. Packages of type declarations (`@types`) have generated pages that say
 *    nothing but where they came from. Licence texts, codes of conduct and issue templates say
 *    nothing about the package; translations of a page repeat it in words that the English analyzer
 *    cannot read.
 * 4. A change log is read by release, not by heading (`kind` is then "changelog"): a release's
 *    "Fixed" without its number answers nothing.
 * 5. A section that holds no word, or only names the licence, is left out: the licence of the
 *    package is a field of every document.
 * 6. The same text under the same heading in a second package (how to run the tests, how to report a
 *    weakness) is left out there: it says nothing about that package.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { InputError, NotFoundError } from "../errors.js";
import type { DocId } from "../run/ranking.js";
import type { Document, JsonValue } from "./document.js";
import { type MarkdownSection, readMarkdownSections } from "./markdown-sections.js";

/** What a page is: how to use the package, what changed in it, or how to work on it. */
export type PageKind = "guide" | "changelog" | "project";

/** One section of a package's documentation. */
export interface PackageDocument extends Document {
  /** Name as in package.json, with its scope. */
  readonly package: string;
  readonly version: string;
  /** SPDX expression of package.json; empty where it has none. */
  readonly licence: string;
  /** Page inside the package, `/` between folders. */
  readonly path: string;
  /** Line of the heading, from 1. */
  readonly line: number;
  readonly kind: PageKind;
}

interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly folder: string;
}

/**
 * Reads the documentation of the packages in a `node_modules` folder.
 *
 * `_id` is `package/path#anchor`, or `package/path` for the text before the first heading; it has
 * no version in it, so that judgements outlive an update. `title` is the package and the headings
 * down to the section, joined by " › ". The order is that of package names, paths and sections,
 * by UTF-16 units, whatever the file system says.
 *
 * @param nodeModules the folder
 * @throws {NotFoundError} the folder does not exist or holds no package
 * @throws {InputError} a package.json or the lockfile is not JSON
 */
export function* readPackageDocs(nodeModules: string): Generator<PackageDocument> {
  const packages = installedPackages(path.resolve(nodeModules));
  if (packages.length === 0) {
    throw new NotFoundError(
      `expected packages below ${nodeModules}, found none: run npm ci first, or name another folder`,
      { path: nodeModules },
    );
  }
  const firstPackage = new Map<string, string>();
  for (const installed of packages) {
    for (const page of markdownPages(installed.folder)) {
      for (const document of documentsOf(installed, page)) {
        const heading = document.title.slice(document.title.lastIndexOf(" › ") + 1);
        const content = `${heading}\n${document.text}`;
        const first = firstPackage.get(content) ?? installed.name;
        firstPackage.set(content, first);
        if (first === installed.name) yield document;
      }
    }
  }
}

function* documentsOf(installed: InstalledPackage, page: string): Generator<PackageDocument> {
  const kind = pageKind(page);
  const markdown = readFileSync(path.join(installed.folder, page), "utf8");
  const sections = readMarkdownSections(
    markdown,
    kind === "changelog" ? { startsSection: namesRelease } : {},
  );
  for (const section of sections) {
    if (!/\p{L}{2}/u.test(section.text) || isLicenceNotice(section)) continue;
    // What stands before the first release of a change log is how it is kept, not what changed.
    if (kind === "changelog" && section.slug === "" && sections.length > 1) continue;
    const place = `${installed.name}/${page.replaceAll(/\s/g, "%20")}`;
    yield {
      _id: (section.slug === "" ? place : `${place}#${section.slug}`) as DocId,
      title: sectionTitle(installed.name, page, kind, section),
      text: section.text,
      package: installed.name,
      version: installed.version,
      licence: installed.licence,
      path: page,
      line: section.line,
      kind,
    };
  }
}

/** Packages to read, by name; see points 1 and 2 at the top of the file. */
function installedPackages(nodeModules: string): InstalledPackage[] {
  const pinned = pinnedFolders(nodeModules);
  const byName = new Map<string, InstalledPackage>();
  for (const folder of packageFolders(nodeModules)) {
    const key = `node_modules/${path.relative(nodeModules, folder).split(path.sep).join("/")}`;
    if (pinned !== undefined && !pinned.has(key)) continue;
    const manifest = readJson(path.join(folder, "package.json"));
    const name = manifest["name"];
    const version = manifest["version"];
    if (typeof name !== "string" || typeof version !== "string") continue;
    if (name.startsWith("@types/") || isPlatformSpecific(manifest) || byName.has(name)) continue;
    byName.set(name, { name, version, licence: licenceOf(manifest), folder });
  }
  return [...byName.values()].sort((a, b) => compareStrings(a.name, b.name));
}

/** Package folders below a node_modules folder: the top level first, then nested ones, by path. */
function packageFolders(nodeModules: string): string[] {
  const here: string[] = [];
  for (const name of folderNames(nodeModules)) {
    if (name.startsWith(".")) continue;
    const folder = path.join(nodeModules, name);
    if (name.startsWith("@"))
      here.push(...folderNames(folder).map((sub) => path.join(folder, sub)));
    else here.push(folder);
  }
  const packages = here.filter((folder) => fileNames(folder).includes("package.json"));
  const nested = packages.flatMap((folder) => packageFolders(path.join(folder, "node_modules")));
  return [...packages, ...nested];
}

/** Keys (`node_modules/…`) that the lockfile beside the folder names; undefined without lockfile. */
function pinnedFolders(nodeModules: string): ReadonlySet<string> | undefined {
  const project = path.dirname(nodeModules);
  if (!fileNames(project).includes("package-lock.json")) return undefined;
  const packages = readJson(path.join(project, "package-lock.json"))["packages"];
  return isJsonObject(packages) ? new Set(Object.keys(packages)) : undefined;
}

/** Whether package.json keeps the package from one of the common systems or processors. */
function isPlatformSpecific(manifest: JsonObject): boolean {
  const leavesOut = (field: string, wanted: readonly string[]) => {
    const value = manifest[field];
    if (!Array.isArray(value) || value.length === 0) return false;
    const allowed = value.filter((entry) => typeof entry === "string" && !entry.startsWith("!"));
    return wanted.some(
      (entry) => value.includes(`!${entry}`) || (allowed.length > 0 && !allowed.includes(entry)),
    );
  };
  return (
    leavesOut("os", ["linux", "darwin", "win32"]) ||
    leavesOut("cpu", ["x64", "arm64"]) ||
    leavesOut("libc", ["glibc", "musl"])
  );
}

function licenceOf(manifest: JsonObject): string {
  // `licenses`, and objects with a type, are how packages wrote it before npm 3.
  const value = manifest["license"] ?? manifest["licenses"];
  const all = (Array.isArray(value) ? value : [value]).map((entry) =>
    isJsonObject(entry) ? entry["type"] : entry,
  );
  return all.filter((entry) => typeof entry === "string").join(" OR ");
}

/** Markdown pages of a package that are worth reading, `/`-separated, in order. */
function markdownPages(folder: string): string[] {
  const pages: string[] = [];
  const walk = (inside: string) => {
    const here = path.join(folder, inside);
    for (const name of fileNames(here)) {
      const page = inside === "" ? name : `${inside}/${name}`;
      if (/\.(?:md|markdown)$/i.test(name) && !isBoilerplate(page)) pages.push(page);
    }
    for (const name of folderNames(here)) {
      if (name === "node_modules" || name === ".git") continue;
      walk(inside === "" ? name : `${inside}/${name}`);
    }
  };
  walk("");
  return pages.sort(compareStrings);
}

function isBoilerplate(page: string): boolean {
  const stem = pageStem(page);
  return (
    /^(?:licen[cs]e|copying|notice|code[-_]of[-_]conduct|third[-_]?party[-_]?notices?)\b/i.test(
      stem,
    ) ||
    /(?:issue|pull_request)_template/i.test(page) ||
    isTranslation(stem)
  );
}

/** `README.fr`, `README-es`, `README_zh-CN`: the page in another language than English. */
function isTranslation(stem: string): boolean {
  const language = /^readme[._-]([a-z]{2})(?:[-_][a-z]{2,4})?$/i.exec(stem)?.[1];
  return language !== undefined && language.toLowerCase() !== "en";
}

function pageKind(page: string): PageKind {
  const stem = pageStem(page);
  if (/^(?:changelog|changes|history|release[-_]?notes|news)$/i.test(stem)) return "changelog";
  if (
    /^(?:contributing|security|governance|threat_model|roadmap|authors|maintainers)$/i.test(stem)
  ) {
    return "project";
  }
  return "guide";
}

function pageStem(page: string): string {
  return page.slice(page.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
}

function namesRelease(heading: string): boolean {
  return /\d+\.\d+|^\W*unreleased\b/i.test(heading);
}

/** "License", "Copyright and license", "Natural: MIT License": the last word says it. */
function isLicenceNotice(section: MarkdownSection): boolean {
  return /\blicen[cs](?:e|es|ing)\W*$/i.test(section.headings.at(-1) ?? "");
}

function sectionTitle(
  name: string,
  page: string,
  kind: PageKind,
  section: MarkdownSection,
): string {
  const [first, ...others] = section.headings;
  const isPackageName = first !== undefined && normalized(first) === normalized(name);
  const headings = first === undefined || isPackageName ? others : section.headings;
  // Under its releases alone a change log could be taken for the guide.
  const inLog = kind === "changelog" && !/change|history|release/i.test(headings[0] ?? "");
  const page1 = inLog
    ? ["Changelog"]
    : headings.length === 0 && !isReadme(page)
      ? [pageStem(page)]
      : [];
  return [name, ...page1, ...headings].join(" › ");
}

function isReadme(page: string): boolean {
  return /^readme$/i.test(page.replace(/\.[^.]*$/, ""));
}

function normalized(name: string): string {
  return name
    .toLowerCase()
    .replace(/^@[^/]*\//, "")
    .replace(/\.js$/, "")
    .replace(/[^\p{L}\p{N}]/gu, "");
}

type JsonObject = { readonly [key: string]: JsonValue };

function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readJson(file: string): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(readFileSync(file, "utf8")) as JsonValue;
  } catch (cause) {
    throw new InputError(
      `expected JSON in ${file}: ${(cause as Error).message}; run npm ci to install it afresh`,
      { path: file },
      { cause },
    );
  }
  if (!isJsonObject(value))
    throw new InputError(`expected a JSON object in ${file}`, { path: file });
  return value;
}

function folderNames(folder: string): string[] {
  return entryNames(folder, "isDirectory");
}

function fileNames(folder: string): string[] {
  return entryNames(folder, "isFile");
}

/** Names in a folder in order; none if the folder is not there. Links are not followed. */
function entryNames(folder: string, kind: "isDirectory" | "isFile"): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry[kind]())
      .map((entry) => entry.name)
      .sort(compareStrings);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
