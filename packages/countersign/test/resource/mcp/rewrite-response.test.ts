import { describe, expect, it } from 'vitest'
import { createRewriter } from '../../../src/resource/mcp/rewrite-response.js'

const bytes = (text: string) => new TextEncoder().encode(text)

/** The output for an event stream that arrives in these pieces, with each message marked as seen. */
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

describe('events in a stream', () => {
  it.each<[string, string[]]>([
    ['line feeds', ['data: {"a":1}\n\n']],
    ['carriage returns and line feeds', ['data: {"a":1}\r\n\r\n']],
    ['returns', ['data: {"a":1}\r\r']],
    ['a mixture', ['data: {"a":1}\n\r\n']],
    ['another mixture', ['data: {"a":1}\r\n\n']],
    ['a third mixture', ['data: {"a":1}\r\n\r']],
    ['line ends split across pieces', ['data: {"a":1}\r', '\n\r', '\n']],
    ['every byte separately', 'data: {"a":1}\r\n\r\n'.split('')],
    ['two lines of one message', ['data: {"a":\ndata: 1}\n\n']],
    ['no space', ['data:{"a":1}\n\n']],
  ])('are recognized with any line ending: %s', async (_case, pieces) => {
    expect(await rewritten(...pieces)).toBe(seen)
    expect(await rewritten(...pieces, ...pieces)).toBe(seen + seen)
  })

  it('keep their other fields; comments and invalid JSON pass through', async () => {
    expect(await rewritten('id: 7\nevent: message\ndata: {"a":1}\n\n')).toBe(`id: 7\nevent: message\n${seen}`)
    expect(await rewritten(': alive\n\n')).toBe(': alive\n\n')
    expect(await rewritten('data: {\n\n')).toBe('data: {\n\n')
  })

  it('are not emitted while incomplete', async () => {
    expect(await rewritten('data: {"a":1}\n\ndata: {"secret":1}\n')).toBe(seen)
    expect(await rewritten('data: {"secret":1}')).toBe('')
  })

  it('take time linear in their length', async () => {
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
    // The minimum of several interleaved runs: other load on the machine only ever adds time. Quadratic time would be 256 times as long.
    await timeOf(1_000_000)
    const [short, long]: [number[], number[]] = [[], []]
    for (let turn = 0; turn < 4; turn++) {
      short.push(await timeOf(1_000_000))
      long.push(await timeOf(16_000_000))
    }
    expect(Math.min(...long)).toBeLessThan(64 * Math.max(Math.min(...short), 1500))
  })
})

describe('a message that is nested too deep to rewrite', () => {
  const nested = `{"id":1,"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
  const change = (message: unknown) => ({ ...(message as object) })
  const rewrite = async (contentType: string, text: string, unreadable?: object) => {
    const rewriter = createRewriter({ contentType, contentEncoding: '' }, { change, unreadable })
    return [await rewriter?.push(bytes(text)), await rewriter?.end()].join('')
  }

  it('is replaced if there is a replacement', async () => {
    const unreadable = { error: 'unreadable' }
    expect(await rewrite('application/json', nested, unreadable)).toBe('{"error":"unreadable"}')
    const event = `id: 1\ndata: ${nested}\n\n`
    expect(await rewrite('text/event-stream', event, unreadable)).toBe('id: 1\ndata: {"error":"unreadable"}\n\n')
  })

  it('is an error otherwise: it never passes unchanged', async () => {
    await expect(rewrite('application/json', nested)).rejects.toThrow(RangeError)
  })
})
