import { randomPart } from './random-part.js'

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
