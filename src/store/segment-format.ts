/*
 * A segment file, little-endian, sections at multiples of 64, everything between them zero:
 *
 *   0   "BRAIDSEG"  format version u32  zeros to 64
 *   64  section 0 … section n-1         (contiguous but for the padding)
 *   c   contents: JSON {"meta":…,"sections":[{"name","offset","byteLength","crc32"},…]}
 *   -48 footer: contents offset f64, contents length f64, file length f64,
 *       CRC-32 of the contents u32, CRC-32 of the first 28 bytes of the footer u32, zeros u64,
 *       "BRAIDEND"
 */

export const segmentFormatVersion = 1;
export const sectionAlignment = 64;
export const headerBytes = 64;
export const footerBytes = 48;
export const headerMagic = "BRAIDSEG";
export const footerMagic = "BRAIDEND";

/** Where one section lies in its file, and its checksum. */
export interface SectionPlace {
  readonly name: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly crc32: number;
}

/** What the end of a segment file says about the rest of it. */
export interface SegmentContents {
  /** Whatever the writer wanted to remember of the segment; JSON. */
  readonly meta: unknown;
  readonly sections: readonly SectionPlace[];
}

/** Smallest multiple of {@link sectionAlignment} that is at least `offset`. */
export function alignUp(offset: number): number {
  return Math.ceil(offset / sectionAlignment) * sectionAlignment;
}
