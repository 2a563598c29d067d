import { randomFillSync } from 'node:crypto'

/** Bytes of one part. */
const length = 16

const drawn = Buffer.alloc(256 * length)
let at = drawn.length

/** 16 random bytes for the name of something, which is no secret: many are drawn at once, since a draw costs as much as many. */
export function randomPart(): Buffer {
  if (at === drawn.length) {
    randomFillSync(drawn)
    at = 0
  }
  at += length
  return Buffer.from(drawn.subarray(at - length, at))
}
