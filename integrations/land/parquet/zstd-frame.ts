/** A zstd frame without compression, for pages so small that starting the compressor costs more than it saves (RFC 8878). */

export const MAX_RAW_FRAME_BYTES = 128

/** Magic, descriptor and one byte of content size; header of one block. */
const OVERHEAD_BYTES = 9

/** `bytes` in one raw block. At most `MAX_RAW_FRAME_BYTES`: the size field has one byte. */
export function rawZstdFrame(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(OVERHEAD_BYTES + bytes.length)
  // Magic_Number 0xFD2FB528, little-endian (3.1.1).
  frame.set([0x28, 0xb5, 0x2f, 0xfd])
  // Frame_Header_Descriptor: Single_Segment_flag, Frame_Content_Size of one byte (3.1.1.1.1).
  frame[4] = 0x20
  frame[5] = bytes.length
  // Block_Header: Last_Block 1, Block_Type Raw_Block 0, Block_Size (3.1.1.2).
  const header = (bytes.length << 3) | 1
  frame[6] = header & 0xff
  frame[7] = (header >> 8) & 0xff
  frame[8] = header >> 16
  frame.set(bytes, OVERHEAD_BYTES)
  return frame
}
