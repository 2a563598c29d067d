import { randomFillSync } from 'node:crypto'

let lastTime = 0
let counter = 0

/** The bytes of a UUID version 7 (RFC 9562 §5.7). Ids of one process sort in the order they were made. */
export function generateId(): Buffer {
  const bytes = randomPart()
  const [time, sequence] = nextTick(Date.now())
  bytes.writeUIntBE(time, 0, 6)
  bytes.writeUInt16BE(0x7000 | sequence, 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes
}

function nextTick(now: number): [time: number, sequence: number] {
  if (now > lastTime) {
    lastTime = now
    counter = 0
  } else {
    counter += 1
    if (counter > 0xfff) {
      lastTime += 1
      counter = 0
    }
  }
  return [lastTime, counter]
}

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
