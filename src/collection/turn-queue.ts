/** A place in a {@link TurnQueue}: `ready` resolves when all before it are done. */
export interface Turn {
  readonly ready: Promise<void>;
  /** Lets the next one go on; calling it again does nothing. */
  done(): void;
}

/** Turns are taken in the order of the calls, whatever each of them waits for in between. */
export class TurnQueue {
  #last: Promise<void> = Promise.resolve();

  take(): Turn {
    const ready = this.#last;
    let done: () => void = () => {};
    const own = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#last = ready.then(() => own);
    return { ready, done };
  }
}
