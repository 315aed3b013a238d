import { once } from "node:events";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { InvalidModelError, StorageError } from "../errors.js";
import {
  type AttributeValue,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  ownOpset,
} from "./onnx-graph.js";
import {
  floatField,
  integerField,
  lengthPrefix,
  type Message,
  messageField,
  messageLength,
  stringField,
} from "./protobuf.js";

/** Goes with opset 17. */
const irVersion = 8;

/** A protobuf message must stay below 2^31 bytes; this leaves room for the graph itself. */
const inlineLimitBytes = 1_900_000_000;
/** Tensors below this stay in the graph, where shape inference reads them. */
const externalFromBytes = 1024;
/** onnxruntime maps external data into memory; whole pages keep a tensor's rows aligned. */
const externalAlignment = 4096;

/** Offset and length of a tensor in the file of external data. */
interface Placement {
  readonly offset: number;
  readonly length: number;
}

/**
 * Writes graphs that may share weights, tensor by tensor: no more than one tensor is in memory.
 * Weights go into the ONNX file itself, or into `dataFile` beside it where several graphs share
 * them or they exceed protobuf's 2 GB.
 *
 * @param graphs file name -> graph; tensors of one name are one tensor
 * @returns names of all files written
 * @see github.com/onnx/onnx, onnx/onnx.proto; docs/ExternalData.md
 */
export async function writeOnnxFiles(
  folder: string,
  graphs: ReadonlyMap<string, OnnxGraph>,
  dataFile: string,
): Promise<string[]> {
  const tensors = new Map<string, OnnxTensor>();
  for (const graph of graphs.values()) for (const t of graph.tensors) tensors.set(t.name, t);
  const totalBytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const external = graphs.size > 1 || totalBytes > inlineLimitBytes;
  const placements = external ? place(tensors.values()) : new Map<string, Placement>();
  const written: string[] = [];
  if (placements.size > 0) {
    await writeFileFrom(path.join(folder, dataFile), dataChunks(tensors, placements));
    written.push(dataFile);
  }
  for (const [name, graph] of graphs) {
    await writeFileFrom(path.join(folder, name), modelChunks(graph, placements, dataFile));
    written.push(name);
  }
  return written;
}

function place(tensors: Iterable<OnnxTensor>): Map<string, Placement> {
  const placements = new Map<string, Placement>();
  let offset = 0;
  for (const tensor of tensors) {
    if (tensor.byteLength < externalFromBytes) continue;
    offset = Math.ceil(offset / externalAlignment) * externalAlignment;
    placements.set(tensor.name, { offset, length: tensor.byteLength });
    offset += tensor.byteLength;
  }
  return placements;
}

async function* dataChunks(
  tensors: ReadonlyMap<string, OnnxTensor>,
  placements: ReadonlyMap<string, Placement>,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (const tensor of tensors.values()) {
    const placement = placements.get(tensor.name);
    if (placement === undefined) continue;
    yield new Uint8Array(placement.offset - position);
    yield* exactChunks(tensor);
    position = placement.offset + placement.length;
  }
}

async function* modelChunks(
  graph: OnnxGraph,
  placements: ReadonlyMap<string, Placement>,
  dataFile: string,
): AsyncGenerator<Uint8Array> {
  const before: Message = [
    ...graph.nodes.flatMap((node) => messageField(1, nodeMessage(node))),
    ...stringField(2, "braid"),
  ];
  const after: Message = [
    ...graph.inputs.flatMap((value) => messageField(11, valueMessage(value))),
    ...graph.outputs.flatMap((value) => messageField(12, valueMessage(value))),
  ];
  const heads = graph.tensors.map((tensor) => {
    const placement = placements.get(tensor.name);
    const head = tensorHead(tensor, placement, dataFile);
    const bytes = messageLength(head) + (placement === undefined ? tensor.byteLength : 0);
    return { tensor, placement, message: [...lengthPrefix(5, bytes), ...head] };
  });
  const tensorBytes = heads.reduce(
    (sum, { tensor, placement, message }) =>
      sum + messageLength(message) + (placement === undefined ? tensor.byteLength : 0),
    0,
  );
  yield* integerField(1, irVersion);
  yield* stringField(2, "braid");
  for (const domain of ["", "com.microsoft"]) {
    const version = integerField(2, domain === "" ? ownOpset : 1);
    yield* messageField(8, [...stringField(1, domain), ...version]);
  }
  yield* lengthPrefix(7, messageLength(before) + tensorBytes + messageLength(after));
  yield* before;
  for (const { tensor, placement, message } of heads) {
    yield* message;
    if (placement === undefined) yield* exactChunks(tensor);
  }
  yield* after;
}

/** All of TensorProto but the raw bytes, which follow where they are not external. */
export function tensorHead(
  tensor: OnnxTensor,
  placement: Placement | undefined,
  dataFile: string,
): Message {
  const head = [
    ...tensor.shape.flatMap((length) => integerField(1, length)),
    ...integerField(2, tensor.type),
    ...stringField(8, tensor.name),
  ];
  if (placement === undefined) return [...head, ...lengthPrefix(9, tensor.byteLength)];
  const entry = (key: string, value: string): Message =>
    messageField(13, [...stringField(1, key), ...stringField(2, value)]);
  return [
    ...head,
    ...entry("location", dataFile),
    ...entry("offset", String(placement.offset)),
    ...entry("length", String(placement.length)),
    ...integerField(14, 1),
  ];
}

export function nodeMessage(node: OnnxNode): Message {
  return [
    ...node.inputs.flatMap((name) => stringField(1, name)),
    ...stringField(2, node.output),
    ...stringField(3, node.output),
    ...stringField(4, node.operator),
    ...Object.entries(node.attributes).flatMap(([name, value]) =>
      messageField(5, attributeMessage(name, value)),
    ),
    ...(node.domain === "" ? [] : stringField(7, node.domain)),
  ];
}

function attributeMessage(name: string, value: AttributeValue): Message {
  const head = stringField(1, name);
  if ("float" in value) return [...head, ...floatField(2, value.float), ...integerField(20, 1)];
  if ("int" in value) return [...head, ...integerField(3, value.int), ...integerField(20, 2)];
  return [...head, ...value.ints.flatMap((item) => integerField(8, item)), ...integerField(20, 7)];
}

export function valueMessage(value: OnnxValue): Message {
  const shape = value.shape.flatMap((length) =>
    messageField(1, typeof length === "number" ? integerField(1, length) : stringField(2, length)),
  );
  const tensorType = [...integerField(1, value.type), ...messageField(2, shape)];
  return [...stringField(1, value.name), ...messageField(2, messageField(1, tensorType))];
}

async function* exactChunks(tensor: OnnxTensor): AsyncGenerator<Uint8Array> {
  let written = 0;
  for await (const chunk of tensor.chunks()) {
    written += chunk.byteLength;
    yield chunk;
  }
  if (written !== tensor.byteLength) {
    throw new InvalidModelError(
      `tensor "${tensor.name}" gave ${written} bytes instead of ${tensor.byteLength}`,
      { tensor: tensor.name },
    );
  }
}

export async function writeFileFrom(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const stream = createWriteStream(file, { flush: true });
  const done = finished(stream);
  done.catch(() => {}); // awaited below; a failure while chunks are made must not go unheard
  try {
    for await (const chunk of chunks) {
      if (chunk.byteLength === 0) continue;
      if (!stream.write(chunk)) await Promise.race([once(stream, "drain"), done]);
    }
    stream.end();
    await done;
  } catch (error) {
    stream.destroy();
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new StorageError(
      `cannot write ${file}: ${(error as Error).message}`,
      { file },
      { cause: error },
    );
  }
}
