// Makes models/braid-mini from the folder the encoder was trained into:
//   npx tsx scripts/models/import-bundled-encoder.ts SOURCE_FOLDER [TARGET_FOLDER]
// The same source gives the same bytes. The model card README.md of the target is kept.
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/models/import-model.js";

const [source, target = fileURLToPath(new URL("../../models/braid-mini", import.meta.url))] =
  process.argv.slice(2);
if (source === undefined) {
  console.error("usage: npx tsx scripts/models/import-bundled-encoder.ts SOURCE_FOLDER [TARGET]");
  process.exit(2);
}
const scratch = await mkdtemp(path.join(tmpdir(), "braid-mini-"));
try {
  const made = path.join(scratch, "braid-mini");
  const description = await importModel(source, made, {
    name: "braid-mini",
    numberFormat: "int8",
    source: "trained for Braid (see README.md in this folder)",
    licence: "Apache-2.0",
  });
  for (const name of [...description.files.map((file) => file.name), "model.json"]) {
    await copyFile(path.join(made, name), path.join(target, name));
  }
  console.error(`${target}: ${description.fingerprint}`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
