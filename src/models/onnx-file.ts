import { readFile } from "node:fs/promises";
import { InvalidModelError, ModelMissingError } from "../errors.js";
import type { OnnxGraph, OnnxTensor } from "./onnx-graph.js";
import { nodeMessage, tensorHead, valueMessage, writeFileFrom } from "./onnx-writer.js";
import {
  integerField,
  lengthPrefix,
  type Message,
  messageField,
  messageLength,
  stringField,
} from "./protobuf.js";
import { type Field, integersOf, readFields, textOf } from "./protobuf-reader.js";

/** An ONNX file made elsewhere: as much of it as is needed to know it and to append to it. */
export interface OnnxFile {
  readonly file: string;
  /** Version of the standard operators. */
  readonly opset: number;
  readonly inputs: readonly ForeignValue[];
  readonly outputs: readonly ForeignValue[];
  readonly nodes: readonly ForeignNode[];
  readonly tensors: readonly ForeignTensor[];
  /** Files beside it that hold its weights. */
  readonly dataFiles: readonly string[];
  /** Fields of the model and of its graph as they stand. */
  readonly modelFields: readonly Field[];
  readonly graphFields: readonly Field[];
}

export interface ForeignValue {
  readonly name: string;
  readonly type: number;
  /** null for a length that is not fixed. */
  readonly shape: readonly (number | null)[];
}

export interface ForeignNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Holds a graph of its own, which may use any value of this one. */
  readonly nested: boolean;
  readonly raw: Uint8Array;
}

export interface ForeignTensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  /** Raw little-endian bytes; null where they are external or in another field. */
  readonly bytes: Uint8Array | null;
  readonly raw: Uint8Array;
}

/**
 * Reads an ONNX file's structure. Files up to 2 GB, as protobuf allows; their external data is not
 * touched.
 * @throws {InvalidModelError} not an ONNX file, or one that refers to files outside its folder
 */
export async function readOnnxFile(file: string): Promise<OnnxFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new ModelMissingError(`${file} cannot be read`, { file }, { cause: error });
  }
  try {
    return parse(file, bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidModelError(
      `${file} is no ONNX file, or it is cut: ${error.message}`,
      { file },
      { cause: error },
    );
  }
}

function parse(file: string, bytes: Uint8Array): OnnxFile {
  const modelFields = [...readFields(bytes)];
  const graph = modelFields.find(({ field }) => field === 7);
  if (graph === undefined) throw new RangeError("it holds no graph");
  const graphFields = [...readFields(graph.bytes)];
  const some = (number: number): Field[] => graphFields.filter(({ field }) => field === number);
  const dataFiles = new Set<string>();
  const tensors = some(5).map((field) => parseTensor(file, field, dataFiles));
  const own = new Set(tensors.map((tensor) => tensor.name));
  const nodes = some(1).map(parseNode);
  for (const node of nodes) collectNestedData(file, node, dataFiles);
  return {
    file,
    opset: standardOpset(modelFields),
    // Old files list their weights among the inputs.
    inputs: some(11)
      .map(parseValue)
      .filter((value) => !own.has(value.name)),
    outputs: some(12).map(parseValue),
    nodes,
    tensors,
    dataFiles: [...dataFiles],
    modelFields,
    graphFields,
  };
}

function standardOpset(modelFields: readonly Field[]): number {
  for (const field of modelFields) {
    if (field.field !== 8) continue;
    const parts = [...readFields(field.bytes)];
    const domain = parts.find((part) => part.field === 1);
    const name = domain === undefined ? "" : textOf(domain);
    if (name === "" || name === "ai.onnx") {
      return Number(parts.find((part) => part.field === 2)?.value ?? 0n);
    }
  }
  return 0;
}

function parseNode(field: Field): ForeignNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let operator = "";
  let nested = false;
  for (const part of readFields(field.bytes)) {
    if (part.field === 1) inputs.push(textOf(part));
    else if (part.field === 2) outputs.push(textOf(part));
    else if (part.field === 4) operator = textOf(part);
    else if (part.field === 5) {
      // AttributeProto: g = 6, graphs = 11
      for (const piece of readFields(part.bytes))
        nested ||= piece.field === 6 || piece.field === 11;
    }
  }
  return { operator, inputs, outputs, nested, raw: field.raw };
}

/** Tensors inside attributes may be external too. */
function collectNestedData(file: string, node: ForeignNode, dataFiles: Set<string>): void {
  const [field] = readFields(node.raw);
  for (const part of readFields(field?.bytes ?? new Uint8Array())) {
    if (part.field !== 5) continue;
    for (const piece of readFields(part.bytes)) {
      if (piece.field === 5 && piece.bytes.length > 0) parseTensor(file, piece, dataFiles);
      if (piece.field !== 6) continue;
      for (const inner of readFields(piece.bytes)) {
        if (inner.field === 5) parseTensor(file, inner, dataFiles);
      }
    }
  }
}

function parseTensor(file: string, field: Field, dataFiles: Set<string>): ForeignTensor {
  let name = "";
  let type = 0;
  let bytes: Uint8Array | null = null;
  const shape: number[] = [];
  for (const part of readFields(field.bytes)) {
    if (part.field === 1) shape.push(...integersOf(part));
    else if (part.field === 2) type = Number(part.value);
    else if (part.field === 8) name = textOf(part);
    else if (part.field === 9) bytes = part.bytes;
    else if (part.field === 13) {
      const pair = [...readFields(part.bytes)];
      const key = pair.find(({ field }) => field === 1);
      const value = pair.find(({ field }) => field === 2);
      if (key === undefined || value === undefined || textOf(key) !== "location") continue;
      const location = textOf(value);
      if (!/^[\w][\w.-]*$/.test(location)) {
        throw new InvalidModelError(
          `${file}: tensor "${name}" lies in "${location}", which is no file beside it`,
          { file, tensor: name },
        );
      }
      dataFiles.add(location);
    }
  }
  return { name, type, shape, bytes, raw: field.raw };
}

function parseValue(field: Field): ForeignValue {
  let name = "";
  let type = 0;
  const shape: (number | null)[] = [];
  for (const part of readFields(field.bytes)) {
    if (part.field === 1) name = textOf(part);
    if (part.field !== 2) continue;
    for (const tensorType of readFields(part.bytes)) {
      if (tensorType.field !== 1) continue;
      for (const item of readFields(tensorType.bytes)) {
        if (item.field === 1) type = Number(item.value);
        if (item.field !== 2) continue;
        for (const dimension of readFields(item.bytes)) {
          const fixed = [...readFields(dimension.bytes)].find(({ field }) => field === 1);
          shape.push(fixed === undefined ? null : Number(fixed.value));
        }
      }
    }
  }
  return { name, type, shape };
}

/**
 * The foreign graph with `added` after it: its own outputs give way to those of `added`, and what
 * only they needed goes. `replacedInputs` are inputs of the foreign graph that nodes of `added`
 * compute from inputs of their own.
 */
export async function writeAppended(
  target: string,
  foreign: OnnxFile,
  added: OnnxGraph,
  replacedInputs: ReadonlySet<string>,
): Promise<void> {
  const dropped = unneededFields(foreign, added);
  const isReplaced = (field: Field): boolean =>
    field.field === 11 && replacedInputs.has(parseValue(field).name);
  const before: Message = [
    ...added.inputs.flatMap((value) => messageField(11, valueMessage(value))),
    // New nodes that feed foreign ones must come first, and the others last.
    ...added.nodes
      .filter((node) => replacedInputs.has(node.output))
      .flatMap((node) => messageField(1, nodeMessage(node))),
    ...foreign.graphFields
      .filter((field) => field.field !== 12 && !dropped.has(field.raw) && !isReplaced(field))
      .map((field) => field.raw),
    ...added.nodes
      .filter((node) => !replacedInputs.has(node.output))
      .flatMap((node) => messageField(1, nodeMessage(node))),
    ...(await Promise.all(added.tensors.map(tensorField))).flat(),
    ...added.outputs.flatMap((value) => messageField(12, valueMessage(value))),
  ];
  const domains = foreign.modelFields.some(
    (field) =>
      field.field === 8 &&
      [...readFields(field.bytes)].some((p) => p.field === 1 && textOf(p) === "com.microsoft"),
  );
  const model: Message = [
    ...foreign.modelFields.filter((field) => field.field !== 7).map((field) => field.raw),
    ...(domains
      ? []
      : messageField(8, [...stringField(1, "com.microsoft"), ...integerField(2, 1)])),
    ...lengthPrefix(7, messageLength(before)),
    ...before,
  ];
  await writeFileFrom(
    target,
    (async function* () {
      yield* model;
    })(),
  );
}

/** Nodes and weights of the foreign graph that only its dropped outputs needed. */
function unneededFields(foreign: OnnxFile, added: OnnxGraph): Set<Uint8Array> {
  // A nested graph may use any value: then nothing can be known to be without use.
  if (foreign.nodes.some((node) => node.nested)) return new Set();
  const needed = new Set([
    ...added.nodes.flatMap((node) => node.inputs),
    ...added.outputs.map((output) => output.name),
  ]);
  const dropped = new Set<Uint8Array>();
  for (const node of foreign.nodes.toReversed()) {
    if (node.outputs.some((output) => needed.has(output))) {
      for (const input of node.inputs) needed.add(input);
    } else dropped.add(node.raw);
  }
  for (const tensor of foreign.tensors) if (!needed.has(tensor.name)) dropped.add(tensor.raw);
  return dropped;
}

async function tensorField(tensor: OnnxTensor): Promise<Message> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tensor.chunks()) chunks.push(chunk);
  return messageField(5, [...tensorHead(tensor, undefined, ""), ...chunks]);
}
