import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFile {
  readonly name: string;
  readonly text: string;
  /** What the directory is made to say instead of the truth. */
  readonly says?: { readonly bytes?: number; readonly crc32?: number; readonly offset?: number };
  readonly method?: 0 | 8 | 99;
  readonly unixMode?: number;
  readonly encrypted?: boolean;
}

/** A ZIP archive with exactly these entries, lies included. */
export function makeZip(files: readonly ZipFile[], zip64 = false): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, text, says, method = 8, unixMode = 0o100644, encrypted } of files) {
    const data = Buffer.from(text);
    const packed = method === 8 ? deflateRawSync(data) : data;
    const nameBytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(nameBytes.length, 26);
    parts.push(local, nameBytes, packed);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    const bytes = says?.bytes ?? data.length;
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(bytes), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
      extra.writeBigUInt64LE(BigInt(offset), 20);
    }
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(3 << 8, 4);
    entry.writeUInt16LE(encrypted === true ? 1 : 0, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(says?.crc32 ?? crc32(data), 16);
    entry.writeUInt32LE(zip64 ? 0xffffffff : packed.length, 20);
    entry.writeUInt32LE(zip64 ? 0xffffffff : bytes, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE((unixMode << 16) >>> 0, 38);
    entry.writeUInt32LE(zip64 ? 0xffffffff : (says?.offset ?? offset), 42);
    directory.push(entry, nameBytes, extra);
    offset += 30 + nameBytes.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : files.length, 8);
  end.writeUInt16LE(zip64 ? 0xffff : files.length, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : central.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  const large = Buffer.alloc(zip64 ? 76 : 0);
  if (zip64) {
    large.writeUInt32LE(0x06064b50, 0);
    large.writeBigUInt64LE(44n, 4);
    large.writeBigUInt64LE(BigInt(files.length), 24);
    large.writeBigUInt64LE(BigInt(files.length), 32);
    large.writeBigUInt64LE(BigInt(central.length), 40);
    large.writeBigUInt64LE(BigInt(offset), 48);
    large.writeUInt32LE(0x07064b50, 56);
    large.writeBigUInt64LE(BigInt(offset + central.length), 64);
    large.writeUInt32LE(1, 72);
  }
  return Buffer.concat([...parts, central, large, end]);
}

/** The files of a small BEIR data set, in a folder as its archives have it. */
export function datasetFilesOf(name: string): ZipFile[] {
  return [
    { name: `${name}/`, text: "", method: 0, unixMode: 0o40755 },
    {
      name: `${name}/corpus.jsonl`,
      text: '{"_id":"d1","title":"A","text":"b"}\n{"_id":"d2","title":"","text":"c"}\n',
    },
    { name: `${name}/queries.jsonl`, text: '{"_id":"q1","text":"a"}\n' },
    { name: `${name}/qrels/test.tsv`, text: "query-id\tcorpus-id\tscore\nq1\td1\t1\n" },
    { name: `${name}/README.md`, text: "not needed" },
  ];
}
