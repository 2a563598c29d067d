import { expect, it } from 'vitest'
import { joinChunks, readStream, withinLimit } from '../../src/lib/read-stream.js'
import { refusalCode } from '../refusal.js'

/** A stream of chunks of these lengths, each filled with a different value; endless if `endless`. */
function streamOf(lengths: readonly number[], endless = false) {
  const seen: { cancelled: unknown; pulled: number } = { cancelled: undefined, pulled: 0 }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const length = lengths[seen.pulled] ?? (endless ? 1 : undefined)
        if (length === undefined) return controller.close()
        seen.pulled++
        controller.enqueue(new Uint8Array(length).fill(seen.pulled))
      },
      cancel(reason) {
        seen.cancelled = reason
        return new Promise(() => undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, seen }
}

it('reads all bytes in order, even with empty chunks', async () => {
  expect(await readStream(streamOf([2, 0, 1]).stream, 3)).toEqual(new Uint8Array([1, 1, 3]))
  expect(await readStream(streamOf([]).stream, 0)).toEqual(new Uint8Array())
})

it('rejects one byte over the limit, and cancels the stream without waiting for it', async () => {
  expect((await readStream(streamOf([5, 5]).stream, 10)).length).toBe(10)
  const { stream, seen } = streamOf([5, 6])
  expect(await refusalCode(() => readStream(stream, 10))).toBe('body_too_large')
  expect(seen.cancelled).toMatchObject({ code: 'body_too_large' })
})

it('reads no more of an endless stream than needed to exceed the limit', async () => {
  const { stream, seen } = streamOf([], true)
  expect(await refusalCode(() => readStream(stream, 100))).toBe('body_too_large')
  expect(seen.pulled).toBe(101)
})

it('rejects with the error of the stream', async () => {
  const failing = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(new Error('is truncated')) })
  await expect(readStream(failing, 10)).rejects.toThrow('is truncated')
})

it('joins chunks one after the other', () => {
  expect(joinChunks([new Uint8Array([1]), new Uint8Array([2, 3])], 3)).toEqual(new Uint8Array([1, 2, 3]))
})

it('also applies the limit to bytes that another reader read', async () => {
  const read = Promise.resolve(new Uint8Array(10))
  expect((await withinLimit(read, 10)).length).toBe(10)
  expect(await refusalCode(() => withinLimit(read, 9))).toBe('body_too_large')
})
