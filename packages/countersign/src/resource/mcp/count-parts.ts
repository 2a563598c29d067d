import { type McpRefusal, mcpCodes } from './mcp-message.js'

/** Members and items that a message may have: each costs more time than its bytes say. */
const mostParts = 20_000

export const tooManyParts: McpRefusal = {
  status: 413,
  code: mcpCodes.invalidRequest,
  reason: `A message has at most ${mostParts} members and items: send less at once.`,
  id: null,
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b])

/** Whether a JSON text has more members and items than a message may have; found before it is parsed. */
export function hasManyParts(content: Uint8Array): boolean {
  let parts = 0
  let isString = false
  for (let at = 0; at < content.length && parts <= mostParts; at++) {
    const byte = content[at] as number
    if (isString && byte === backslash) at++
    else if (byte === quote) isString = !isString
    else if (!isString && (byte === comma || openings.has(byte))) parts++
  }
  return parts > mostParts
}
