import { describe, expect, it } from 'vitest'
import { exchange, message, openGateway } from './gateway-stage.js'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const multipart = 'multipart/form-data; boundary=b-1'

describe('a hostile body costs little more than an ordinary one of the same size', () => {
  const size = 1_000_000
  const filled = (text: string, start = '') => (start + text.repeat(Math.ceil(size / text.length))).slice(0, size)
  const heads = (head: string) => filled(`--b-1${head}\r\n\r\n`)
  const honest = new Map([
    ['multipart', heads('\r\nContent-Disposition: form-data; name="a"\r\n\r\nsome value\r\n')],
    [form, filled('name=a+value&list%5Ba%5D=b%20c&')],
    [json, filled('"name_of_it":"a \\"value\\"",', '{')],
    ['text/plain; a=/json', filled('"name_of_it":"a \\"value\\"",', '{')],
    ['text/plain', filled('"name_of_it":"a \\"value\\"",', '{')],
  ])

  /** CPU time in microseconds, the minimum of several runs. */
  async function costOf(type: string, body: string): Promise<number> {
    const { port } = await openGateway()
    const head = ['POST /open/form HTTP/1.1', 'Host: api.example', `Content-Type: ${type}`]
    const costs: number[] = []
    for (let times = 0; times < 3; times++) {
      const before = process.cpuUsage()
      await exchange(port, [message([...head, `Content-Length: ${body.length}`]), body])
      const { user, system } = process.cpuUsage(before)
      costs.push(user + system)
    }
    return Math.min(...costs)
  }

  it.each([
    [multipart, heads('name='.repeat(1600))],
    [multipart, heads('name=%'.repeat(1350))],
    [multipart, heads('name="%'.repeat(16))],
    [multipart, heads(`name="${'\\a'.repeat(2000)}`)],
    [multipart, heads(`name${' *'.repeat(4000)}`)],
    [multipart, heads(`name${' '.repeat(8000)}`)],
    [multipart, heads('')],
    [`multipart/form-data; boundary=${'-'.repeat(69)}x`, filled('-')],
    [form, filled('%&')],
    [form, filled('x&')],
    [form, filled('%25')],
    [form, filled('http', 'x')],
    [form, filled('_', '_method')],
    [form, filled('r', '_methodove')],
    [json, filled('"x":1,', '{')],
    [json, filled('\\u005f', '{"')],
    [json, filled('http', '{"x')],
    [json, filled('{')],
    [json, filled('""', '{')],
    ['text/plain; a=/json', filled('/*"*/{"x":1,')],
    ['text/plain; a=/json', filled('http', '{x')],
    ['text/plain; a=/json', filled(':', '{/')],
    ['text/plain', filled('"x":1,', '{')],
    ['text/plain', filled(' ')],
  ])('%s %.40s', async (type, body) => {
    const other = honest.get(type) ?? (honest.get('multipart') as string)
    expect(await costOf(type, body)).toBeLessThan(8 * (await costOf(type, other)))
  })

  it.each([
    `a="${'\\"'.repeat(7000)}`,
    ';'.repeat(14_000),
    `boundary${' '.repeat(14_000)}`,
    `charset${' '.repeat(14_000)}`,
  ])('and a long media type costs little more than a short one: %.20s', async (parameters) => {
    const long = await costOf(`text/plain; ${parameters}`, 'a')
    expect(long).toBeLessThan(8 * (await costOf('text/plain', 'a')))
  })
})
