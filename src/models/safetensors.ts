import { type FileHandle, open } from "node:fs/promises";
import { InvalidModelError, ModelMissingError } from "../errors.js";

/** One tensor of a safetensors file; bytes `[begin, end)` of the file, row-major, little-endian. */
export interface StoredTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsFile {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Bytes `[from, to)` counted from the tensor's first byte. */
  read(tensor: StoredTensor, from: number, to: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The reference implementation refuses headers above this size too. */
const maxHeaderBytes = 100_000_000;

const elementBytes: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/**
 * Opens a safetensors file and checks its header: 8 bytes of header length, a JSON object of
 * `{dtype, shape, data_offsets}`, then the data. Every tensor's length must be what its type and
 * shape say, and the tensors must cover the data without overlap, gap or rest.
 *
 * @throws {InvalidModelError} naming the file and, where one is at fault, the tensor
 * @see github.com/huggingface/safetensors, README, section Format
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    throw new ModelMissingError(
      `${file} cannot be opened: the model folder is incomplete`,
      { file },
      { cause: error },
    );
  }
  try {
    const tensors = await readHeader(handle, file);
    return {
      file,
      tensors,
      read: (tensor, from, to) => readExactly(handle, file, tensor.begin + from, to - from),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readHeader(handle: FileHandle, file: string): Promise<Map<string, StoredTensor>> {
  const fileBytes = (await handle.stat()).size;
  const lead = Buffer.alloc(Math.min(8, fileBytes));
  await handle.read(lead, 0, lead.length, 0);
  if (isPickle(lead)) {
    throw new InvalidModelError(
      `${file} is a Python pickle, which can run code when read: convert it to safetensors`,
      { file },
    );
  }
  if (lead.length < 8) {
    throw new InvalidModelError(`${file} is no safetensors file: ${fileBytes} bytes`, { file });
  }
  const headerLength = lead.readBigUInt64LE(0);
  if (headerLength > BigInt(Math.min(maxHeaderBytes, fileBytes - 8)) || headerLength < 2n) {
    throw new InvalidModelError(
      `${file}: header length ${headerLength} is not possible in a file of ${fileBytes} bytes ` +
        "(cut short, or no safetensors file)",
      { file, fileBytes },
    );
  }
  const headerBytes = Number(headerLength);
  const text = new TextDecoder().decode(await readExactly(handle, file, 8, headerBytes));
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new InvalidModelError(`${file}: the header is not JSON`, { file }, { cause: error });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new InvalidModelError(`${file}: the header is not a JSON object`, { file });
  }
  const dataStart = 8 + headerBytes;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => parseTensor(file, name, entry, dataStart));
  checkCoverage(file, tensors, dataStart, fileBytes);
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

/** Pickle protocol 2 and later starts with 0x80 and the protocol; torch's newer files are zip. */
function isPickle(lead: Buffer): boolean {
  const protocol = lead[1] ?? 0;
  const zip = lead.length >= 4 && lead.readUInt32LE(0) === 0x04034b50;
  // A header of 0x80 + 256 * protocol bytes is possible: bytes 2 to 7 of its length are zero.
  const pickle = lead[0] === 0x80 && protocol >= 2 && protocol <= 5;
  return zip || (pickle && lead.subarray(2).some((byte) => byte !== 0));
}

function parseTensor(file: string, name: string, entry: unknown, dataStart: number): StoredTensor {
  const refuse = (why: string): InvalidModelError =>
    new InvalidModelError(`${file}: tensor "${name}" ${why}`, { file, tensor: name });
  if (typeof entry !== "object" || entry === null) throw refuse("has no description");
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  const size = typeof dtype === "string" ? elementBytes[dtype] : undefined;
  if (typeof dtype !== "string" || size === undefined) {
    throw refuse(`has the unknown element type ${JSON.stringify(dtype)}`);
  }
  if (!isCountList(shape)) throw refuse(`has the shape ${JSON.stringify(shape)}`);
  if (!isCountList(offsets) || offsets.length !== 2) {
    throw refuse(`has the offsets ${JSON.stringify(offsets)}; two integers below 2^53 expected`);
  }
  const [begin = 0, end = 0] = offsets;
  const bytes = shape.reduce((product, length) => product * length, size);
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw refuse(`takes ${bytes} bytes by type and shape, but ${end - begin} by its offsets`);
  }
  return { name, type: dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function checkCoverage(
  file: string,
  tensors: readonly StoredTensor[],
  dataStart: number,
  fileBytes: number,
): void {
  let covered = dataStart;
  for (const tensor of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (tensor.end > fileBytes) {
      throw new InvalidModelError(
        `${file}: tensor "${tensor.name}" ends at byte ${tensor.end}, the file at ${fileBytes} ` +
          "(cut short: download it again)",
        { file, tensor: tensor.name, fileBytes },
      );
    }
    if (tensor.begin !== covered) {
      const what = tensor.begin < covered ? "overlaps the tensor before it" : "leaves a gap";
      throw new InvalidModelError(`${file}: tensor "${tensor.name}" ${what}`, {
        file,
        tensor: tensor.name,
      });
    }
    covered = tensor.end;
  }
  if (covered !== fileBytes) {
    throw new InvalidModelError(
      `${file}: ${fileBytes - covered} bytes after the last tensor belong to nothing`,
      { file, fileBytes },
    );
  }
}

async function readExactly(
  handle: FileHandle,
  file: string,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One read call takes at most 2^31 - 1 bytes.
    const ask = Math.min(length - done, 1 << 30);
    const { bytesRead } = await handle.read(bytes, done, ask, position + done);
    if (bytesRead === 0) {
      throw new InvalidModelError(`${file} ended while it was read`, { file, position });
    }
    done += bytesRead;
  }
  return bytes;
}
