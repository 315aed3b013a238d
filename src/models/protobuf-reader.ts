/** One field of a message: `bytes` of a length-delimited one, `value` of a number. */
export interface Field {
  readonly field: number;
  readonly value: bigint;
  readonly bytes: Uint8Array;
  /** The field as it stands in the message, key included. */
  readonly raw: Uint8Array;
}

const none = new Uint8Array(0);

/**
 * Fields of a protobuf message in order. Nothing is copied.
 * @throws {RangeError} a field that is cut, too long or of an unknown wire type
 */
export function* readFields(message: Uint8Array): Generator<Field, void, undefined> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError(`a number is cut or too long at byte ${at}`);
  };
  const take = (length: number): number => {
    if (at + length > message.length) throw new RangeError(`a field is cut at byte ${at}`);
    at += length;
    return at - length;
  };
  while (at < message.length) {
    const start = at;
    const key = Number(readVarint());
    let value = 0n;
    let bytes: Uint8Array = none;
    switch (key & 7) {
      case 0:
        value = readVarint();
        break;
      case 1:
        value = view.getBigUint64(take(8), true);
        break;
      case 2: {
        const length = Number(readVarint());
        const from = take(length);
        bytes = message.subarray(from, from + length);
        break;
      }
      case 5:
        value = BigInt(view.getUint32(take(4), true));
        break;
      default:
        throw new RangeError(`wire type ${key & 7} at byte ${start}`);
    }
    yield { field: Math.floor(key / 8), value, bytes, raw: message.subarray(start, at) };
  }
}

const utf8 = new TextDecoder();

export function textOf(field: Field): string {
  return utf8.decode(field.bytes);
}

/** Repeated integers, packed or one by one. */
export function* integersOf(field: Field): Generator<number, void, undefined> {
  if (field.bytes.length === 0) {
    yield Number(BigInt.asIntN(64, field.value));
    return;
  }
  let value = 0n;
  let shift = 0n;
  for (const byte of field.bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    yield Number(BigInt.asIntN(64, value));
    value = 0n;
    shift = 0n;
  }
}
