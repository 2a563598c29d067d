import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { readMessages } from '../../../src/mcp/messages/stdio.js'

async function read(...pieces: string[]) {
  const answers: unknown[] = []
  const problems: string[] = []
  const messages: unknown[] = []
  const options = {
    answer: (text: string) => void answers.push(JSON.parse(text)),
    onProblem: (text: string) => void problems.push(text),
  }
  for await (const message of readMessages(Readable.from(pieces), options)) messages.push(message)
  return { answers, problems, messages }
}

const ping = '{"jsonrpc":"2.0","id":2,"method":"ping"}'

const mebibyte = 'x'.repeat(1024 * 1024)

const filled = (start: string, end: string) => [start, ...Array.from({ length: 65 }, () => mebibyte), end]

it.each<[string, string, string, unknown]>([
  ['with its id first', '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x":"', '"}}', 'a'],
  ['with its id last', '{"method":"tools/call","params":{"id":9,"x":"', '"},"jsonrpc":"2.0","id":7}', 7],
  ['with its id last but one', '{"method":"tools/call","params":{"x":"', '"},"id":7,"jsonrpc":"2.0"}', 7],
  ['with an id inside', '{"jsonrpc":"2.0","method":"x","params":{"x":"', '","id":7}}', null],
  ['that is nothing', '', '', null],
])('a line of 65 MiB %s is refused in words, to who waits, and the next one is read', async (_what, start, end, id) => {
  const { answers, problems, messages } = await read(...filled(start, `${end}\n${ping}\n`))
  const message = 'Messages of more than 64 MiB are not forwarded.'
  expect(answers).toEqual([{ jsonrpc: '2.0', id, error: { code: -32600, message } }])
  expect(problems).toEqual([message])
  expect(messages).toEqual([JSON.parse(ping)])
})

it('a last line without an end is a line, too, be it too long', async () => {
  expect((await read(`${ping}\n`, ping)).messages).toHaveLength(2)
  const { answers, messages } = await read(`${ping}\n`, ...filled('{"id":3,', ''))
  expect(messages).toHaveLength(1)
  expect(answers).toMatchObject([{ id: 3 }])
})
