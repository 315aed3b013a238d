import path from "node:path";
import { LockedError } from "../errors.js";
import { type FileSystem, nodeFileSystem } from "../store/file-system.js";
import { livingHolder } from "../store/writer-lock.js";
import { lockFileName, refuseOccupied } from "./collection-home.js";

/**
 * Room for the first build of a collection: a folder beside its own, under a name that no collection
 * has. It takes its place by one rename when it is whole, so a build that is killed at any moment
 * leaves no collection, not an empty one; what it leaves is removed by the next one.
 */
export class FirstBuild {
  /** Where the collection is created and filled. */
  readonly directory: string;
  readonly #place: string;
  readonly #fileSystem: FileSystem;

  private constructor(directory: string, place: string, fileSystem: FileSystem) {
    this.directory = directory;
    this.#place = place;
    this.#fileSystem = fileSystem;
  }

  /**
   * @param place folder of the collection that is to be
   * @throws {AlreadyExistsError} there is a collection, or the folder holds something else
   * @throws {LockedError} another process builds it
   */
  static begin(place: string, fileSystem: FileSystem = nodeFileSystem): FirstBuild {
    refuseOccupied(place, fileSystem);
    const directory = path.join(path.dirname(place), `.${path.basename(place)}.building`);
    refuseBuilding(directory, fileSystem);
    fileSystem.removeDirectory(directory);
    return new FirstBuild(directory, place, fileSystem);
  }

  /** Puts the collection, which must be closed, in its place. @throws what {@link begin} throws */
  finish(): void {
    // Since the beginning somebody may have taken the place.
    refuseOccupied(this.#place, this.#fileSystem);
    refuseBuilding(this.#place, this.#fileSystem);
    this.#fileSystem.removeDirectory(this.#place);
    this.#fileSystem.rename(this.directory, this.#place);
    this.#fileSystem.syncDirectory(path.dirname(this.#place));
  }

  /** Removes what there is of the build. */
  discard(): void {
    this.#fileSystem.removeDirectory(this.directory);
  }
}

function refuseBuilding(directory: string, fileSystem: FileSystem): void {
  const holder = livingHolder(path.join(directory, lockFileName), fileSystem);
  if (holder === null) return;
  throw new LockedError(
    `process ${holder.pid} on ${holder.host} is building in ${directory}: wait for it or stop it`,
    { path: directory, pid: holder.pid, host: holder.host },
  );
}
