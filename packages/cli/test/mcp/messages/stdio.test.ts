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
  ['with its id second to last', '{"method":"tools/call","params":{"x":"', '"},"id":7,"jsonrpc":"2.0"}', 7],
  ['with a nested id', '{"jsonrpc":"2.0","method":"x","params":{"x":"', '","id":7}}', null],
  ['that is not a message', '', '', null],
])(
  'rejects a line of 65 MiB %s with an error response to its sender, and reads the next one',
  async (_what, start, end, id) => {
    const { answers, problems, messages } = await read(...filled(start, `${end}\n${ping}\n`))
    const message = 'Messages of more than 67108864 characters are not forwarded.'
    expect(answers).toEqual([{ jsonrpc: '2.0', id, error: { code: -32600, message } }])
    expect(problems).toEqual([message])
    expect(messages).toEqual([JSON.parse(ping)])
  },
)

it('treats a last line without a line ending as a line, even if it is too long', async () => {
  expect((await read(`${ping}\n`, ping)).messages).toHaveLength(2)
  const { answers, messages } = await read(`${ping}\n`, ...filled('{"id":3,', ''))
  expect(messages).toHaveLength(1)
  expect(answers).toMatchObject([{ id: 3 }])
})
