import { parseDocId } from "../corpus/parse-document.js";
import { InputError, NotFoundError } from "../errors.js";
import { collectionOf } from "./collection-calls.js";
import { type UploadReport, uploadArray, uploadLines } from "./document-upload.js";
import { jsonLinesTypes } from "./operations.js";
import { decodedBody, mediaTypeOf, readJsonBody } from "./request-body.js";
import { type Call, pathParameter, sendJson } from "./service.js";

export async function addDocumentsCall(call: Call): Promise<void> {
  const { request, response, service, signal } = call;
  const target = await service.registry.writable(pathParameter(call, "collection"));
  const { arrayBytes, lineBytes, idleMs } = service.limits;
  const report = await service.stages.write.run(async () => {
    if (jsonLinesTypes.includes(mediaTypeOf(request))) {
      return uploadLines(target, decodedBody(request, idleMs), lineBytes, signal);
    }
    return uploadArray(target, await readJsonBody(request, arrayBytes, idleMs), signal);
  }, signal);
  count(call, report);
  const { added, replaced, failed, errors } = report;
  const first = errors[0];
  if (first !== undefined && added + replaced === 0) {
    throw new InputError(
      failed === 1 ? first.detail : `all ${failed} documents are wrong; the first: ${first.detail}`,
      { failed, line: first.line },
    );
  }
  const { generation } = target.snapshot();
  sendJson(response, 200, { ...report, generation });
}

export async function getDocumentCall(call: Call): Promise<void> {
  const target = await collectionOf(call);
  const id = parseDocId(pathParameter(call, "id"), "the path");
  const document = target.snapshot().document(id);
  if (document === null) throw noDocument(call, id);
  sendJson(call.response, 200, document);
}

export async function deleteDocumentCall(call: Call): Promise<void> {
  const target = await call.service.registry.writable(pathParameter(call, "collection"));
  const id = parseDocId(pathParameter(call, "id"), "the path");
  const { deleted } = await target.delete([id]);
  if (deleted === 0) throw noDocument(call, id);
  call.service.metrics.documents.add(1, "deleted");
  sendJson(call.response, 200, { deleted });
}

function noDocument(call: Call, id: string): NotFoundError {
  const collection = pathParameter(call, "collection");
  return new NotFoundError(`there is no document ${id} in ${collection}`, { collection, id });
}

function count({ service }: Call, { added, replaced, failed }: UploadReport): void {
  const { documents } = service.metrics;
  if (added > 0) documents.add(added, "added");
  if (replaced > 0) documents.add(replaced, "replaced");
  if (failed > 0) documents.add(failed, "refused");
}
