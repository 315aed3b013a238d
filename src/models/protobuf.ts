/**
 * The part of protobuf's wire format that ONNX files use: varints, 32-bit floats and
 * length-delimited fields. A message under construction is a list of byte pieces.
 * @see protobuf.dev/programming-guides/encoding
 */
export type Message = readonly Uint8Array[];

const utf8 = new TextEncoder();

/** @param value an integer; negative ones take ten bytes, as int64 fields do */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

export function integerField(field: number, value: number | bigint): Message {
  return [varint(field << 3), varint(value)];
}

export function floatField(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [varint((field << 3) | 5), bytes];
}

/** Key and length of a length-delimited field whose `length` bytes are written by the caller. */
export function lengthPrefix(field: number, length: number): Message {
  return [varint((field << 3) | 2), varint(length)];
}

export function bytesField(field: number, bytes: Uint8Array): Message {
  return [...lengthPrefix(field, bytes.length), bytes];
}

export function stringField(field: number, text: string): Message {
  return bytesField(field, utf8.encode(text));
}

export function messageField(field: number, message: Message): Message {
  return [...lengthPrefix(field, messageLength(message)), ...message];
}

export function messageLength(message: Message): number {
  return message.reduce((sum, piece) => sum + piece.length, 0);
}
