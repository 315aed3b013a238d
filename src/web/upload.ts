import { ProblemError, type UploadReport } from "../client/index.js";
import { authorization } from "./session.js";

/**
 * Sends a file of JSON lines (or, named .json, of a JSON array) to a collection. XMLHttpRequest and
 * not fetch, which does not say how far an upload is.
 */
export function uploadFile(
  collection: string,
  file: File,
  onProgress: (share: number) => void,
): Promise<UploadReport> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/collections/${encodeURIComponent(collection)}/documents`);
    const isArray = file.name.toLowerCase().endsWith(".json");
    request.setRequestHeader("Content-Type", isArray ? "application/json" : "application/x-ndjson");
    if (file.name.toLowerCase().endsWith(".gz")) {
      request.setRequestHeader("Content-Encoding", "gzip");
    }
    const key = authorization();
    if (key !== null) request.setRequestHeader("Authorization", key);
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onProgress(total === 0 ? 1 : loaded / total),
    );
    request.addEventListener("error", () => reject(new Error("the connection broke off")));
    request.addEventListener("load", () => {
      try {
        const answer: unknown = JSON.parse(request.responseText);
        if (request.status === 200) resolve(answer as UploadReport);
        else {
          reject(
            new ProblemError(
              answer as ConstructorParameters<typeof ProblemError>[0],
              request.getResponseHeader("X-Request-Id"),
              null,
            ),
          );
        }
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    request.send(file);
  });
}
