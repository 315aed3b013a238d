import path from "node:path";
import { type FileSystem, storageError } from "../../src/store/file-system.js";

/** Thrown by every operation once the simulated machine has lost power. */
export class PowerLost extends Error {
  constructor() {
    super("the simulated machine has lost power");
  }
}

type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly byteLength: number };

interface Inode {
  now: Uint8Array;
  durable: Uint8Array;
  unsynced: Change[];
  modifiedMs: number;
}

interface DirectoryChange {
  readonly directory: string;
  readonly apply: (entries: Map<string, Inode>) => void;
}

/**
 * A disk in memory that keeps apart what was written and what is safe: after {@link afterPowerLoss}
 * only synced bytes and synced directory entries are certain, the rest survives by chance, torn
 * writes included. It can also stop at a chosen operation and be full.
 */
export class SimulatedDisk implements FileSystem {
  /** Counts down at every change; power is lost in the operation that reaches 0. */
  changesUntilPowerLoss: number = Number.POSITIVE_INFINITY;
  /** Bytes that still fit. */
  freeBytes: number = Number.POSITIVE_INFINITY;
  changeCount: number = 0;
  bytesRead: number = 0;
  #lost = false;
  #entries = new Map<string, Inode>();
  #durableEntries = new Map<string, Inode>();
  #unsyncedDirectoryChanges: DirectoryChange[] = [];
  readonly #directories = new Set<string>();
  readonly #open = new Map<number, { inode: Inode; file: string }>();
  #nextDescriptor = 3;
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The disk as the next boot finds it. */
  afterPowerLoss(): SimulatedDisk {
    const disk = new SimulatedDisk(this.#random);
    for (const directory of this.#directories) disk.#directories.add(directory);
    const entries = new Map(this.#durableEntries);
    const survivors = Math.floor(this.#random() * (this.#unsyncedDirectoryChanges.length + 1));
    for (const change of this.#unsyncedDirectoryChanges.slice(0, survivors)) change.apply(entries);
    const copies = new Map<Inode, Inode>();
    for (const [name, inode] of entries) {
      let copy = copies.get(inode);
      if (copy === undefined) {
        const bytes = this.#survivingBytes(inode);
        copy = { now: bytes, durable: bytes, unsynced: [], modifiedMs: inode.modifiedMs };
        copies.set(inode, copy);
      }
      disk.#entries.set(name, copy);
      disk.#durableEntries.set(name, copy);
    }
    return disk;
  }

  /** The disk as it is after the process alone has died: everything written is there. */
  afterProcessDeath(): SimulatedDisk {
    const disk = new SimulatedDisk(this.#random);
    for (const directory of this.#directories) disk.#directories.add(directory);
    for (const [name, inode] of this.#entries) {
      const copy = { now: inode.now, durable: inode.now, unsynced: [], modifiedMs: 0 };
      disk.#entries.set(name, copy);
      disk.#durableEntries.set(name, copy);
    }
    return disk;
  }

  get hasLostPower(): boolean {
    return this.#lost;
  }

  get files(): readonly string[] {
    return [...this.#entries.keys()].sort();
  }

  contentOf(file: string): Uint8Array {
    return this.#inode("read", file).now.slice();
  }

  /** Changes a file behind everybody's back. */
  damage(file: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const inode = this.#inode("damage", file);
    inode.now = change(inode.now.slice());
    inode.durable = inode.now;
  }

  open(file: string, purpose: "read" | "create" | "update"): number {
    this.#alive();
    let inode = this.#entries.get(file);
    if (purpose === "create") {
      if (inode !== undefined) throw failure("create", file, "EEXIST");
      if (!this.#directories.has(path.dirname(file))) throw failure("create", file, "ENOENT");
      this.#change();
      const created: Inode = {
        now: new Uint8Array(0),
        durable: new Uint8Array(0),
        unsynced: [],
        modifiedMs: Date.now(),
      };
      inode = created;
      this.#entryChange(path.dirname(file), (entries) => entries.set(file, created));
    }
    if (inode === undefined) throw failure("open", file, "ENOENT");
    const descriptor = this.#nextDescriptor++;
    this.#open.set(descriptor, { inode, file });
    return descriptor;
  }

  close(descriptor: number): void {
    if (!this.#open.delete(descriptor)) throw new Error(`descriptor ${descriptor} is not open`);
  }

  read(descriptor: number, target: Uint8Array, position: number): number {
    const { inode } = this.#file(descriptor);
    const bytes = inode.now.subarray(position, position + target.byteLength);
    target.set(bytes);
    this.bytesRead += bytes.byteLength;
    return bytes.byteLength;
  }

  write(descriptor: number, bytes: Uint8Array, position: number): void {
    const { inode, file } = this.#file(descriptor);
    const dies = this.changesUntilPowerLoss <= 1;
    const growth = Math.max(0, position + bytes.byteLength - inode.now.byteLength);
    const full = growth > this.freeBytes;
    let taken = bytes.slice();
    if (dies) taken = bytes.slice(0, Math.floor(this.#random() * (bytes.byteLength + 1)));
    else if (full) taken = bytes.slice(0, Math.max(0, bytes.byteLength - growth + this.freeBytes));
    const change: Change = { kind: "write", position, bytes: taken };
    const before = inode.now.byteLength;
    inode.now = applied(inode.now, change);
    inode.unsynced.push(change);
    inode.modifiedMs = Date.now();
    this.freeBytes -= inode.now.byteLength - before;
    this.#change();
    if (full) throw failure("write", file, "ENOSPC");
  }

  byteLength(descriptor: number): number {
    return this.#file(descriptor).inode.now.byteLength;
  }

  truncate(descriptor: number, byteLength: number): void {
    const { inode } = this.#file(descriptor);
    this.#change();
    this.freeBytes += Math.max(0, inode.now.byteLength - byteLength);
    const change: Change = { kind: "truncate", byteLength };
    inode.now = applied(inode.now, change);
    inode.unsynced.push(change);
  }

  sync(descriptor: number): void {
    const { inode } = this.#file(descriptor);
    this.#change();
    inode.durable = inode.now;
    inode.unsynced = [];
  }

  async syncLater(descriptor: number): Promise<void> {
    const { inode } = this.#file(descriptor);
    const durable = inode.now;
    const count = inode.unsynced.length;
    this.#change();
    await new Promise((resolve) => setImmediate(resolve));
    this.#alive();
    inode.durable = durable;
    inode.unsynced = inode.unsynced.slice(count);
  }

  rename(from: string, to: string): void {
    const inode = this.#inode("rename", from);
    this.#change();
    this.#entryChange(path.dirname(to), (entries) => {
      entries.delete(from);
      entries.set(to, inode);
    });
  }

  remove(file: string): void {
    this.#alive();
    const inode = this.#entries.get(file);
    if (inode === undefined) return;
    this.#change();
    this.freeBytes += inode.now.byteLength;
    this.#entryChange(path.dirname(file), (entries) => entries.delete(file));
  }

  removeDirectory(directory: string): void {
    for (const file of this.files) if (file.startsWith(`${directory}/`)) this.remove(file);
    this.#directories.delete(directory);
  }

  syncDirectory(directory: string): void {
    this.#alive();
    this.#change();
    const rest: DirectoryChange[] = [];
    for (const change of this.#unsyncedDirectoryChanges) {
      if (change.directory === directory) change.apply(this.#durableEntries);
      else rest.push(change);
    }
    this.#unsyncedDirectoryChanges = rest;
  }

  list(directory: string): string[] | null {
    this.#alive();
    if (!this.#directories.has(directory)) return null;
    const inside = new Set<string>();
    for (const place of [...this.#entries.keys(), ...this.#directories]) {
      if (place.startsWith(`${directory}/`)) {
        inside.add(place.slice(directory.length + 1).split("/")[0] ?? "");
      }
    }
    return [...inside].sort();
  }

  makeDirectory(directory: string): void {
    this.#alive();
    for (let at = directory; at !== path.dirname(at); at = path.dirname(at)) {
      this.#directories.add(at);
    }
  }

  modifiedMs(file: string): number {
    return this.#inode("examine", file).modifiedMs;
  }

  touch(file: string): void {
    this.#inode("touch", file).modifiedMs = Date.now();
  }

  #survivingBytes(inode: Inode): Uint8Array {
    let bytes = inode.durable;
    const survivors = Math.floor(this.#random() * (inode.unsynced.length + 1));
    for (const [i, change] of inode.unsynced.entries()) {
      if (i < survivors) {
        bytes = applied(bytes, change);
      } else if (i === survivors && change.kind === "write") {
        const torn = change.bytes.slice(0, Math.floor(this.#random() * change.bytes.byteLength));
        // A page inside may have stayed behind while later ones made it.
        if (this.#random() < 0.5) torn.fill(0, Math.floor(this.#random() * torn.byteLength));
        bytes = applied(bytes, { kind: "write", position: change.position, bytes: torn });
      }
    }
    return bytes;
  }

  #alive(): void {
    if (this.#lost) throw new PowerLost();
  }

  #change(): void {
    this.#alive();
    this.changeCount++;
    if (--this.changesUntilPowerLoss > 0) return;
    this.#lost = true;
    throw new PowerLost();
  }

  #entryChange(directory: string, apply: (entries: Map<string, Inode>) => void): void {
    apply(this.#entries);
    this.#unsyncedDirectoryChanges.push({ directory, apply });
  }

  #file(descriptor: number): { inode: Inode; file: string } {
    this.#alive();
    const open = this.#open.get(descriptor);
    if (open === undefined) throw new Error(`descriptor ${descriptor} is not open`);
    return open;
  }

  #inode(action: string, file: string): Inode {
    this.#alive();
    const inode = this.#entries.get(file);
    if (inode === undefined) throw failure(action, file, "ENOENT");
    return inode;
  }
}

function failure(action: string, file: string, errno: string): Error {
  return storageError(action, file, Object.assign(new Error(errno), { code: errno }));
}

function applied(bytes: Uint8Array, change: Change): Uint8Array {
  if (change.kind === "truncate") {
    const cut = new Uint8Array(change.byteLength);
    cut.set(bytes.subarray(0, change.byteLength));
    return cut;
  }
  const end = change.position + change.bytes.byteLength;
  const grown = new Uint8Array(Math.max(bytes.byteLength, end));
  grown.set(bytes);
  grown.set(change.bytes, change.position);
  return grown;
}
