/*
 * A writer to be killed: applies scripted changes one after another, several under way at a time,
 * and says on stdout which ones are acknowledged. Arguments: folder, seed, first change.
 */
import { writeSync } from "node:fs";
import { openCollection } from "../../src/collection/open-collection.js";
import { HashEncoder } from "./hash-encoder.js";
import { applyChange, scriptedChange } from "./scripted-changes.js";

const [directory = "", seed = "0", first = "0"] = process.argv.slice(2);
const changesUnderWay = 6;

const collection = await openCollection(directory, {
  mode: "write",
  encoder: new HashEncoder(),
  limits: { flushBytes: 1 << 15 },
});
writeSync(1, `open ${JSON.stringify(collection.recovery)}\n`);
const underWay: Promise<void>[] = [];
for (let number = Number(first); ; number++) {
  underWay.push(
    applyChange(collection, scriptedChange(Number(seed), number)).then(() => {
      // Synchronous: the line is with the parent before anything else happens here.
      writeSync(1, `done ${number}\n`);
    }),
  );
  if (underWay.length >= changesUnderWay) await underWay.shift();
}
