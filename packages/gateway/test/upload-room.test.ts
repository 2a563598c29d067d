import { connect } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import type { CountersignEvent } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import type { Route } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { agentSigner, byAgent, byToken, id } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, statusOf } from './gateway-stage.js'

const routes: Route[] = [
  { method: 'POST', path: '/open', require: 'none' },
  { method: 'POST', path: '/signed', require: 'signature' },
]

const size = 100_000
const count = 64
const type = 'application/octet-stream'
/** All of it is spooled to disk, which the slow uploads together would fill. */
const limits = { uploads: count * size, memory: 10_000, stallTimeout: 120 }

type Sender = 'no one' | 'a self-made key' | 'an agent' | 'a user'

async function headOf(sender: Sender, body: Buffer): Promise<string[]> {
  const length = `Content-Length: ${body.length}`
  if (sender === 'no one') return ['POST /open HTTP/1.1', 'Host: api.example', `Content-Type: ${type}`, length]
  const own = sender === 'a self-made key' ? await createSigner(await generatePrivateJwk()) : agentSigner
  const references: Record<typeof sender, () => KeyReference | Promise<KeyReference>> = {
    'a self-made key': () => ({ scheme: 'hwk', jwk: own.jwk }),
    'an agent': () => byAgent,
    'a user': () => byToken('events.read'),
  }
  const request = await signRequest(
    new Request(`${id}/signed`, { method: 'POST', body: new Uint8Array(body), headers: { 'content-type': type } }),
    { profile: january.signing, signer: own, signatureKey: await references[sender]() },
  )
  const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`)
  return ['POST /signed HTTP/1.1', 'Host: api.example', ...headers, length]
}

/** Opens many uploads that stop just before their end. */
async function openSlowUploads(port: number, sender: Sender): Promise<void> {
  const body = Buffer.alloc(size, 'a')
  let refused = 0
  let sent = 0
  for (let at = 0; at < count; at++) {
    const head = await headOf(sender, body)
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => undefined).once('data', () => refused++)
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.write(body.subarray(100), () => sent++)
  }
  await expect.poll(() => sent).toBe(count)
  const isFull = async () => (await upload(port, sender)) === 503
  await expect.poll(isFull).toBe(true)
  expect(refused).toBeLessThan(count)
}

async function upload(port: number, sender: Sender): Promise<number> {
  const body = Buffer.alloc(2 * size, 'b')
  return statusOf(await exchange(port, [message(await headOf(sender, body)), body]))
}

// G44
describe('slow uploads that fill their share of the disk', () => {
  it.each<[Sender, Sender[], Sender[]]>([
    ['no one', ['an agent', 'a user'], ['a self-made key']],
    ['a self-made key', ['an agent', 'a user'], ['no one']],
    ['an agent', ['a user'], ['no one', 'a self-made key']],
  ])('by %s leave room for %s, and none for %s', async (slow, accepted, refused) => {
    const { port } = await openGateway({ routes, limits })
    await openSlowUploads(port, slow)
    for (const sender of accepted) expect(await upload(port, sender), sender).toBe(200)
    for (const sender of refused) expect(await upload(port, sender), sender).toBe(503)
  })
})

describe('an upload is kept in memory', () => {
  async function openNoting(memory: number) {
    const spooled: { route: string; bytes: number }[] = []
    const onEvent = (event: CountersignEvent) => {
      if (event.kind === 'upload') spooled.push({ route: event.route, bytes: event.bytes })
    }
    return { ...(await openGateway({ routes, onEvent, limits: { memory } })), spooled }
  }

  it('up to 1 MiB, and on disk above that', async () => {
    const { port, spooled } = await openNoting(16_777_216)
    const head = (length: number) => [
      'POST /open HTTP/1.1',
      'Host: api.example',
      `Content-Type: ${type}`,
      `Content-Length: ${length}`,
    ]
    for (const length of [1_048_576, 1_048_577])
      expect(statusOf(await exchange(port, [message(head(length)), Buffer.alloc(length, 'a')]))).toBe(200)
    await expect.poll(() => spooled).toEqual([{ route: 'POST /open', bytes: 1_048_577 }])
  })

  // G44
  it('even if unsigned uploads fill their share of it', async () => {
    const { port, spooled } = await openNoting(20 * size)
    const head = await headOf('no one', Buffer.alloc(2 * size))
    for (let at = 0; at < 14; at++) {
      const slow = connect(port, '127.0.0.1')
      onTestFinished(() => void slow.destroy())
      slow.write(`${head.join('\r\n')}\r\n\r\n`)
      await new Promise<void>((resolve) => slow.write(Buffer.alloc(40_000, 'a'), () => resolve()))
    }
    const spooledOf = (route: string) => spooled.filter((each) => each.route === route).length
    const sendUnsigned = async () => expect(await upload(port, 'no one')).toBe(200)
    // The slow uploads have used up the share once another one is spooled.
    await expect.poll(() => sendUnsigned().then(() => spooledOf('POST /open'))).toBeGreaterThan(0)
    expect(await upload(port, 'a user')).toBe(200)
    // If the user's upload emitted an event, it would precede that of a later upload.
    const before = spooledOf('POST /open')
    await expect.poll(() => sendUnsigned().then(() => spooledOf('POST /open'))).toBeGreaterThan(before)
    expect(spooledOf('POST /signed')).toBe(0)
  })
})
