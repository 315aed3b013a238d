import { BraidClient, type CollectionDescription, ProblemError } from "../client/index.js";
import { byId } from "./element.js";

const keyName = "braid-key";

/** The service as this tab talks to it, with the key that was typed in. */
export const client: BraidClient = new BraidClient("", {
  key: sessionStorage.getItem(keyName) ?? undefined,
});

/** Whether a key is in use: it shows in copied commands as a variable. */
export function hasKey(): boolean {
  return sessionStorage.getItem(keyName) !== null;
}

/** Key for requests that the client does not make. */
export function authorization(): string | null {
  const key = sessionStorage.getItem(keyName);
  return key === null ? null : `Bearer ${key}`;
}

/** Runs a call; where the service asks for a key, asks the user and tries once more. */
export async function withKey<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 401) throw error;
    await askForKey();
    return call();
  }
}

let asking: Promise<void> | null = null;

function askForKey(): Promise<void> {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog", HTMLDialogElement);
    const input = byId("key", HTMLInputElement);
    dialog.addEventListener(
      "close",
      () => {
        const key = input.value.trim();
        input.value = "";
        if (key !== "") sessionStorage.setItem(keyName, key);
        client.key = key === "" ? undefined : key;
        asking = null;
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}

const descriptions = new Map<string, Promise<CollectionDescription>>();

/** A collection's description, asked for once until it is forgotten. */
export function describe(name: string): Promise<CollectionDescription> {
  let known = descriptions.get(name);
  if (known === undefined) {
    known = withKey(() => client.describeCollection(name));
    known.catch(() => descriptions.delete(name));
    descriptions.set(name, known);
  }
  return known;
}

/** After a collection has changed. */
export function forget(name: string): void {
  descriptions.delete(name);
}
