import { describe, expect, it } from 'vitest'
import { createRewriter } from '../../../src/resource/mcp/rewrite-response.js'

const bytes = (text: string) => new TextEncoder().encode(text)

/** What comes out of a stream of events in these pieces, where a message becomes one that says it was seen. */
async function rewritten(...pieces: string[]): Promise<string> {
  const rewriter = createRewriter(
    { contentType: 'text/event-stream; charset=utf-8', contentEncoding: '' },
    { change: (message) => ({ seen: message }) },
  )
  let out = ''
  for (const piece of pieces) out += (await rewriter?.push(bytes(piece))) ?? ''
  return out + ((await rewriter?.end()) ?? '')
}

const seen = 'data: {"seen":{"a":1}}\n\n'

describe('events of a stream', () => {
  it.each<[string, string[]]>([
    ['line feeds', ['data: {"a":1}\n\n']],
    ['returns and line feeds', ['data: {"a":1}\r\n\r\n']],
    ['returns', ['data: {"a":1}\r\r']],
    ['a mixture', ['data: {"a":1}\n\r\n']],
    ['another mixture', ['data: {"a":1}\r\n\n']],
    ['a third one', ['data: {"a":1}\r\n\r']],
    ['ends cut in two', ['data: {"a":1}\r', '\n\r', '\n']],
    ['every byte alone', 'data: {"a":1}\r\n\r\n'.split('')],
    ['two lines of one message', ['data: {"a":\ndata: 1}\n\n']],
    ['no blank', ['data:{"a":1}\n\n']],
  ])('are seen whichever way they end: %s', async (_case, pieces) => {
    expect(await rewritten(...pieces)).toBe(seen)
    expect(await rewritten(...pieces, ...pieces)).toBe(seen + seen)
  })

  it('keep their other fields; comments pass, and what is no JSON', async () => {
    expect(await rewritten('id: 7\nevent: message\ndata: {"a":1}\n\n')).toBe(`id: 7\nevent: message\n${seen}`)
    expect(await rewritten(': alive\n\n')).toBe(': alive\n\n')
    expect(await rewritten('data: {\n\n')).toBe('data: {\n\n')
  })

  it('that have not ended are none', async () => {
    expect(await rewritten('data: {"a":1}\n\ndata: {"secret":1}\n')).toBe(seen)
    expect(await rewritten('data: {"secret":1}')).toBe('')
  })

  it('of any length take time by their length', async () => {
    const timeOf = async (length: number) => {
      const chunk = bytes('x'.repeat(16_384))
      const rewriter = createRewriter(
        { contentType: 'text/event-stream', contentEncoding: '' },
        { change: (message) => message },
      )
      const began = process.cpuUsage().user
      await rewriter?.push(bytes('data: "'))
      for (let sent = 0; sent < length; sent += chunk.length) await rewriter?.push(chunk)
      await rewriter?.push(bytes('"\n\n'))
      return process.cpuUsage().user - began
    }
    // The shortest of several, taken in turn: what else the machine does only ever adds to a time.
    await timeOf(1_000_000)
    const [short, long]: [number[], number[]] = [[], []]
    for (let turn = 0; turn < 4; turn++) {
      short.push(await timeOf(4_000_000))
      long.push(await timeOf(16_000_000))
    }
    expect(Math.min(...long)).toBeLessThan(8 * Math.max(Math.min(...short), 5000))
  })
})

describe('a message that is nested too deep to be changed', () => {
  const nested = `{"id":1,"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  const change = (message: unknown) => ({ ...(message as object) })
  const rewrite = async (contentType: string, text: string, unreadable?: object) => {
    const rewriter = createRewriter({ contentType, contentEncoding: '' }, { change, unreadable })
    return [await rewriter?.push(bytes(text)), await rewriter?.end()].join('')
  }

  it('is replaced where there is a replacement', async () => {
    const unreadable = { error: 'unreadable' }
    expect(await rewrite('application/json', nested, unreadable)).toBe('{"error":"unreadable"}')
    const event = `id: 1\ndata: ${nested}\n\n`
    expect(await rewrite('text/event-stream', event, unreadable)).toBe('id: 1\ndata: {"error":"unreadable"}\n\n')
  })

  it('is an error elsewhere: it never passes unchanged', async () => {
    await expect(rewrite('application/json', nested)).rejects.toThrow(RangeError)
  })
})
