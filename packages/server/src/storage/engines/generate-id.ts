import { randomFillSync } from 'node:crypto'

let lastTime = 0
let counter = 0

/** A UUID version 7 (RFC 9562 §5.7). Ids of one process sort in the order they were made. */
export function generateId(): string {
  const bytes = randomFillSync(new Uint8Array(16))
  const [time, sequence] = nextTick(Date.now())
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(time / 2 ** 32))
  view.setUint32(2, time % 2 ** 32)
  view.setUint16(6, 0x7000 | sequence)
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f))
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
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
