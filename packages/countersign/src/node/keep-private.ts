import { privateCacheControl, varyBySigner } from '../protocol/private-answer.js'
import type { NodeResponse } from './send-response.js'

/** What every way to answer comes through. */
interface HeadWriter {
  writeHead(status: number, ...rest: unknown[]): unknown
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
}

const rules = new Map([
  ['cache-control', privateCacheControl],
  ['vary', varyBySigner],
])

/** Keeps the answer out of shared caches, whatever the handler sets before its head is written, and with it. */
export function keepPrivate(outgoing: NodeResponse): void {
  const writer: HeadWriter = outgoing
  const writeHead = writer.writeHead.bind(outgoing)
  Object.assign(outgoing, {
    writeHead(status: number, ...rest: unknown[]): unknown {
      const headers = fieldsOf(rest.find((part) => typeof part === 'object' && part !== null))
      for (const [name, rule] of rules) {
        const set = headers.get(name)?.values ?? [writer.getHeader(name) ?? '']
        writer.setHeader(name, rule(set.flat().map(String).join(', ')))
        headers.delete(name)
      }
      const others = [...headers.values()].map(({ name, values }) => [
        name,
        values.length > 1 ? values.flat() : values[0],
      ])
      const reason = rest.filter((part) => typeof part === 'string')
      return writeHead(status, ...reason, Object.fromEntries(others))
    },
  })
}

/** What `writeHead` was given, by name in lower case: an object, a list of pairs, or a list of names and values in turn. */
function fieldsOf(headers: unknown): Map<string, { name: string; values: unknown[] }> {
  const lines: unknown[] = Array.isArray(headers) ? headers : Object.entries(headers ?? {})
  const flat = lines.every((line) => Array.isArray(line)) ? lines.flat() : lines
  const fields = new Map<string, { name: string; values: unknown[] }>()
  for (let i = 0; i < flat.length; i += 2) {
    const name = String(flat[i])
    const field = fields.get(name.toLowerCase())
    if (field) field.values.push(flat[i + 1])
    else fields.set(name.toLowerCase(), { name, values: [flat[i + 1]] })
  }
  return fields
}
