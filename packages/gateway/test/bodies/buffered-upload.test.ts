import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { AAuthError } from 'countersign/resource'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { BufferedUpload, createSpool, requireFitting } from '../../src/bodies/buffered-upload.js'

const spool = createSpool(() => ({ uploads: 100, memory: 100 }))
afterEach(() => spool.close())

it('has room on disk for the share of each sender', () => {
  const isRefused = (bytes: number, share: 0.5 | 1) => {
    const refused = expect.objectContaining({ code: 'unavailable', retryAfter: 5 })
    expect(() => spool.take(bytes, share)).toThrow(refused)
  }
  spool.take(50, 0.5)
  isRefused(1, 0.5)
  spool.take(50, 1)
  isRefused(1, 1)
  spool.free(30)
  isRefused(31, 1)
  spool.take(30, 1)
  spool.free(100)
  isRefused(101, 1)
  spool.take(100, 1)
})

it('has room in memory for the share of each sender, half of which only messages use', () => {
  expect([spool.hold(26, 0.5, false), spool.hold(25, 0.5, false), spool.hold(1, 0.5, false)]).toEqual([
    false,
    true,
    false,
  ])
  expect([spool.hold(26, 0.5, true), spool.hold(25, 0.5, true)]).toEqual([false, true])
  expect([spool.hold(50, 1, true), spool.hold(1, 1, true)]).toEqual([true, false])
  spool.release(60)
  expect([spool.hold(11, 1, false), spool.hold(10, 1, false)]).toEqual([false, true])
})

describe('an upload', () => {
  type Limits = ConstructorParameters<typeof BufferedUpload>[1]
  const type = { 'content-type': 'application/octet-stream' }
  const chunked = { ...type, 'transfer-encoding': 'chunked' }
  const plenty = { uploads: 10_000_000, memory: 10_000_000 }

  interface Given {
    headers?: Record<string, string>
    method?: string
    limits?: Partial<Limits>
    room?: { uploads: number; memory: number }
    isComplete?: boolean
  }

  function receive(chunks: Iterable<string | Uint8Array> | AsyncIterable<string>, given: Given = {}) {
    const { headers = chunked, method = 'POST', limits = {}, room = plenty, isComplete = true } = given
    const stream = Readable.from(chunks, { objectMode: false })
    const incoming = Object.assign(stream, { headers, method, complete: isComplete }) as unknown as IncomingMessage
    const own = createSpool(() => room)
    const asked: number[] = []
    const all = { maxBody: 5_000_000, bodyTimeout: 60, stallTimeout: 60, ...limits }
    const upload = new BufferedUpload(incoming, all, own, () => void asked.push(stream.readableDidRead ? 1 : 0))
    onTestFinished(async () => {
      await upload.discard()
      own.close()
    })
    return { upload, spool: own, asked }
  }
  const codeOf = (taking: Promise<unknown>) =>
    taking.then(
      () => undefined,
      (error: unknown) => (error instanceof AAuthError ? error.code : error),
    )
  const textOf = async (stream: Readable) => Buffer.concat(await stream.toArray()).toString()
  const megabyte = 1_048_576

  it.each<[string, Record<string, string>, boolean]>([
    ['no length', type, false],
    ['the length 0', { ...type, 'content-length': '0' }, false],
    ['the length 1', { ...type, 'content-length': '1' }, true],
    ['chunks', chunked, true],
  ])('with %s is announced: %s', async (_what, headers, isAnnounced) => {
    const { upload, asked } = receive(['a'], { headers })
    expect([upload.isAnnounced, upload.asMessage().isAnnounced]).toEqual([isAnnounced, isAnnounced])
    await upload.take(undefined)
    expect([upload.length, asked]).toEqual(isAnnounced ? [1, [0]] : [0, []])
  })

  it('can be read repeatedly, from memory or from disk', async () => {
    for (const [size, spooled] of [
      [10, 0],
      [megabyte, 0],
      [megabyte + 1, megabyte + 1],
      [3 * megabyte, 3 * megabyte],
    ] as const) {
      const content = Buffer.alloc(size, 'abc')
      const { upload } = receive([content.subarray(0, 7), content.subarray(7, megabyte), content.subarray(megabyte)])
      await upload.take(undefined)
      expect([upload.length, upload.spooled]).toEqual([size, spooled])
      for (let time = 0; time < 2; time++) expect((await textOf(upload.read())) === content.toString()).toBe(true)
    }
  })

  it('is stored on disk from the chunk for which there is no memory', async () => {
    const room = { uploads: 100, memory: 40 }
    const { upload } = receive(['aaaaa', 'b'.repeat(40), 'c'], { room })
    await upload.take(undefined)
    expect([upload.length, upload.spooled]).toEqual([46, 46])
    expect(await textOf(upload.read())).toBe(`aaaaa${'b'.repeat(40)}c`)
  })

  it('frees what it used, once', async () => {
    const room = { uploads: 100, memory: 40 }
    for (const size of [10, 90]) {
      const { upload, spool: own } = receive(['a'.repeat(size)], { room })
      await upload.take(undefined, { agent: 'https://agent.example', authorization: { expired: false } } as never)
      await upload.discard()
      await upload.discard()
      expect(() => own.take(101, 1)).toThrow('no space')
      own.take(100, 1)
      expect([own.hold(41, 1, true), own.hold(40, 1, true)]).toEqual([false, true])
    }
  })

  it.each<[string, object | undefined, number]>([
    ['no one', undefined, 0.5],
    ['a key', {}, 0.5],
    ['an agent', { agent: 'https://agent.example' }, 0.75],
    ['an agent with an expired permission', { agent: 'a', authorization: { expired: true } }, 0.75],
    ['an agent with a permission', { agent: 'a', authorization: { expired: false } }, 1],
  ])('of %s has its share of the room', async (_who, signer, share) => {
    const taken = async (size: number, isMessage: boolean) => {
      const room = isMessage ? { uploads: 0, memory: 1000 } : { uploads: 1000, memory: 0 }
      const { upload } = receive(['a'.repeat(size)], { room, limits: { isMessage } })
      return codeOf(upload.asMessage().take(undefined, signer as never))
    }
    expect(await taken(1000 * share, false)).toBeUndefined()
    expect(await taken(1000 * share + 1, false)).toBe('unavailable')
    expect(await taken(1000 * share + 1, true)).toBe('unavailable')
  })

  it('that the gateway reads is never stored on disk, and not inspected', async () => {
    const message = (size: number) => {
      const { upload } = receive(['{', 'a'.repeat(size - 1)], {
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
        limits: { isMessage: true },
      })
      return upload.asMessage()
    }
    const read = message(megabyte)
    await read.take(undefined)
    expect(Buffer.from(read.content?.() ?? '').toString()).toBe(`{${'a'.repeat(megabyte - 1)}`)
    expect(await codeOf(message(megabyte + 1).take(undefined))).toBe('unavailable')
  })

  it('is inspected to its end', async () => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    expect(await codeOf(receive(['{"a":', '1}'], { headers }).upload.take(undefined))).toBeUndefined()
    expect(await codeOf(receive(['{"a":', '1'], { headers }).upload.take(undefined))).toBe('request_malformed')
    expect(await codeOf(receive(['{"a":', 'x}'], { headers }).upload.take(undefined))).toBe('request_malformed')
  })

  it('may have the maximum length, and no more', async () => {
    const limits = { maxBody: 4 }
    const announced = (length: string) => ({ headers: { ...type, 'content-length': length }, limits })
    expect(await codeOf(receive(['ab', 'cd'], { limits }).upload.take(undefined))).toBeUndefined()
    expect(await codeOf(receive(['ab', 'cde'], { limits }).upload.take(undefined))).toBe('body_too_large')
    expect(await codeOf(receive(['abcd'], announced('4')).upload.take(undefined))).toBeUndefined()
    const { upload, asked } = receive([], announced('5'))
    expect([await codeOf(upload.take(undefined)), asked]).toEqual(['body_too_large', []])
    const fits =
      (length: string, method = 'POST') =>
      () =>
        requireFitting({ headers: { 'content-length': length }, method } as never, 4)
    expect(fits('4')).not.toThrow()
    expect(fits('5')).toThrow('The body is larger than 4 bytes.')
    expect(fits('0', 'GET')).not.toThrow()
    expect(() => requireFitting({ headers: {}, method: 'GET' } as never, 4)).not.toThrow()
    for (const method of ['GET', 'HEAD']) expect(fits('1', method)).toThrow(`A ${method} request must not have a body.`)
  })

  it.each(['GET', 'HEAD'])('of %s is refused once it has content', async (method) => {
    expect(await codeOf(receive([], { method }).upload.take(undefined))).toBeUndefined()
    expect(await codeOf(receive(['a'], { method }).upload.take(undefined))).toBe('request_malformed')
  })

  it('must have each of its digests', async () => {
    const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('base64')
    const take = (digests: [string, string][]) => codeOf(receive(['a', 'b'], {}).upload.take(new Map(digests) as never))
    const [short, long] = [digest('sha256', 'ab'), digest('sha512', 'ab')]
    expect(await take([['sha-256', short]])).toBeUndefined()
    expect(
      await take([
        ['sha-256', short],
        ['sha-512', long],
      ]),
    ).toBeUndefined()
    expect(await take([['sha-256', digest('sha256', 'a')]])).toBe('digest_mismatch')
    expect(
      await take([
        ['sha-256', short],
        ['sha-512', digest('sha512', 'b')],
      ]),
    ).toBe('digest_mismatch')
  })

  it('that does not arrive completely and in time is refused', async () => {
    async function* slowly(pause: number, count = Number.POSITIVE_INFINITY) {
      for (let sent = 0; sent < count; sent++) {
        yield 'a'
        await new Promise((resolve) => setTimeout(resolve, pause).unref())
      }
    }
    async function* breaking() {
      yield 'a'
      throw new Error('reset')
    }
    const take = (chunks: AsyncIterable<string>, given: Given = {}) =>
      codeOf(receive(chunks, given).upload.take(undefined))
    expect(await take(slowly(1, 3))).toBeUndefined()
    expect(await take(slowly(60_000), { limits: { stallTimeout: 0.05 } })).toBe('body_late')
    expect(await take(slowly(60_000), { limits: { bodyTimeout: 0.05 } })).toBe('body_late')
    expect(await take(slowly(1), { limits: { bodyTimeout: 0.05 } })).toBe('body_late')
    expect(await take(breaking())).toBe('body_incomplete')
    expect(await take(slowly(1, 1), { isComplete: false })).toBe('body_incomplete')
  })

  it('that cannot be written is refused for the moment', async () => {
    const { upload, spool: own } = receive(['a'.repeat(100)], { room: { uploads: 1000, memory: 0 } })
    const open = own.open.bind(own)
    own.open = async () => {
      const file = await open()
      await file.close()
      return file
    }
    const error = await upload.take(undefined).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'unavailable', retryAfter: 5, cause: expect.any(Error) as Error })
  })

  it('leaves nothing in the temporary folder, which only this user can read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-upload-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    vi.stubEnv('TMPDIR', folder)
    onTestFinished(() => void vi.unstubAllEnvs())
    const own = createSpool(() => plenty)
    own.close()
    expect(readdirSync(folder)).toEqual([])
    const files = [await own.open(), await own.open()]
    const [inner = '', ...others] = readdirSync(folder)
    expect([inner.startsWith('countersign-gateway-'), others, readdirSync(join(folder, inner))]).toEqual([true, [], []])
    expect((await files[0]?.stat())?.mode).toBe(0o100600)
    await files[0]?.appendFile('a')
    expect((await files[1]?.readFile())?.length).toBe(0)
    for (const file of files) await file.close()
    own.close()
    expect(readdirSync(folder)).toEqual([])
    await (await own.open()).close()
    expect(readdirSync(folder)).toHaveLength(1)
  })
})
