import { privateCacheControl, varyBySigner } from '../protocol/private-answer.js'
import type { NodeResponse } from './send-response.js'

/** What every way to answer comes through. */
interface HeadWriter {
  writeHead(status: number, ...rest: unknown[]): unknown
  getHeader(name: string): unknown
  setHeader(name: string, value: unknown): unknown
}

const rules = new Map([
  ['cache-control', privateCacheControl],
  ['vary', varyBySigner],
])

/** Keeps the answer out of shared caches, whatever the handler sets before its head is written, and with it. */
export function keepPrivate(outgoing: NodeResponse): void {
  const writer: HeadWriter = outgoing
  const writeHead = writer.writeHead.bind(outgoing)
  writer.writeHead = (status, ...rest) => {
    const given = rest.find((part) => typeof part === 'object' && part !== null)
    const own = new Map<string, unknown[]>()
    for (const [name, value] of fieldsOf(given)) {
      const lowerName = name.toLowerCase()
      if (!rules.has(lowerName)) writer.setHeader(name, value)
      else own.set(lowerName, [...(own.get(lowerName) ?? []), value])
    }
    for (const [name, rule] of rules) {
      const set = own.get(name) ?? [writer.getHeader(name) ?? '']
      writer.setHeader(name, rule(set.flat().map(String).join(', ')))
    }
    return writeHead(status, ...rest.filter((part) => typeof part === 'string'))
  }
}

/** What `writeHead` was given: an object, a list of pairs, or a list of names and values in turn, where one may come again. */
function fieldsOf(headers: unknown): Iterable<[name: string, value: unknown]> {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {})
  const lines: unknown[] = headers.every((line) => Array.isArray(line)) ? headers.flat() : headers
  const fields = new Map<string, [name: string, value: unknown]>()
  for (let i = 0; i < lines.length; i += 2) {
    const name = String(lines[i])
    const before = fields.get(name.toLowerCase())
    if (before) before[1] = [before[1], lines[i + 1]].flat()
    else fields.set(name.toLowerCase(), [name, lines[i + 1]])
  }
  return fields.values()
}
