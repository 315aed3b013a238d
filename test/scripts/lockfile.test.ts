import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

interface LockedPackage {
  readonly version?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));
const { packages } = read("package-lock.json") as {
  packages: Readonly<Record<string, LockedPackage>>;
};

/** Where npm finds a dependency: in the package's own node_modules, or in one further up. */
function resolve(folder: string, name: string): LockedPackage | undefined {
  for (let at = folder; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const found = packages[`${at === "" ? "" : `${at}/`}node_modules/${name}`];
    if (found !== undefined || at === "") return found;
    if (!at.includes("/node_modules/")) return packages[`node_modules/${name}`];
  }
}

describe("package-lock.json", () => {
  // npm ci refuses a lockfile that lacks a package for any platform, and npm install leaves out
  // those that it could not fetch: then nobody can install, whatever their platform.
  it("pins every dependency of every package, also those for other platforms", () => {
    assert.ok(Object.keys(packages).length > 100);
    const missing = Object.entries(packages).flatMap(([folder, locked]) =>
      Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
        .filter((name) => resolve(folder, name) === undefined)
        .map((name) => `${folder || "the project"} -> ${name}`),
    );
    assert.deepEqual(missing, []);
  });

  it("marks packages without a checksum as optional ones of another platform", () => {
    const unchecked = Object.entries(packages)
      .filter(([folder]) => folder !== "")
      .filter(([, locked]) => !("integrity" in locked))
      .filter(([, { optional, os, cpu }]) => optional !== true || !os?.length || !cpu?.length)
      .map(([folder]) => folder);
    assert.deepEqual(unchecked, []);
  });

  it("agrees with package.json on every direct dependency, pinned exactly", () => {
    type Manifest = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
    const manifest = read("package.json") as Manifest;
    for (const field of ["dependencies", "devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[field] ?? {})) {
        assert.match(version, /^\d+\.\d+\.\d+(?:-[\w.]+)?$/, `${name} is not pinned`);
        assert.equal(packages[`node_modules/${name}`]?.version, version, name);
      }
    }
  });
});
