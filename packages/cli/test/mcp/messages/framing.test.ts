import { expect, it } from 'vitest'
import { readEvents } from '../../../src/mcp/messages/framing.js'

async function eventsIn(...chunks: (string | Uint8Array)[]) {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)
      controller.close()
    },
  })
  const events = []
  for await (const event of readEvents(body)) events.push(event)
  return events
}

it.each<[string, string[], object[]]>([
  ['one event', ['data: a\n\n'], [{ data: 'a', id: undefined }]],
  ['lines that end in CRLF or CR', ['data: a\r\n\r\ndata: b\r\r'], [{ data: 'a' }, { data: 'b' }]],
  ['a CRLF split across chunks', ['data: a\r', '\n\r', '\ndata: b\n\n'], [{ data: 'a' }, { data: 'b' }]],
  ['several data lines', ['data: a\ndata:b\ndata\n\n'], [{ data: 'a\nb\n' }]],
  ['comments and other fields', [': hi\nevent: message\nretry: 5\ndata: a\n\n: bye\n\n'], [{ data: 'a' }]],
  [
    'ids, which persist',
    ['id: 7\ndata: a\n\ndata: b\n\n'],
    [
      { data: 'a', id: '7' },
      { data: 'b', id: '7' },
    ],
  ],
  [
    'ids that are not valid in a header as no id',
    ['id: ☃\ndata: a\n\nid: 1\u0001\ndata: b\n\n'],
    [{ id: undefined }, { id: undefined }],
  ],
  ['an unfinished event', ['data: a\n\ndata: b\n'], [{ data: 'a' }]],
])('reads %s', async (_what, chunks, events) => {
  expect(await eventsIn(...chunks)).toMatchObject(events)
})

it('reads characters that are split across chunks', async () => {
  const bytes = new TextEncoder().encode('data: ü\n\n')
  expect(await eventsIn(bytes.slice(0, 7), bytes.slice(7))).toMatchObject([{ data: 'ü' }])
})

// M15
it('reads a long line in small pieces within seconds', async () => {
  const piece = 'x'.repeat(4096)
  const { user } = process.cpuUsage()
  const events = await eventsIn('data: ', ...Array.from({ length: 4096 }, () => piece), '\n\n')
  expect(events[0]?.data).toHaveLength(4096 * 4096)
  expect(process.cpuUsage().user - user, 'in microseconds').toBeLessThan(5_000_000)
})

// M15
it('counts the line endings of an event', async () => {
  const line = `data:${'x'.repeat(8191)}\n`
  await expect(eventsIn(...Array.from({ length: 8193 }, () => line), '\n')).rejects.toThrow(RangeError)
})

it('counts empty lines of an event, which use memory', async () => {
  const lines = 'data\n'.repeat(100_000)
  await expect(eventsIn(...Array.from({ length: 21 }, () => lines), '\n')).rejects.toThrow(RangeError)
})
