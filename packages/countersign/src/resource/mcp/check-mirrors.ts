import { fieldsByName, fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { firstWithoutSessions, isObject, type McpMessage, type McpRefusal, mcpCodes } from './mcp-message.js'
import { type ShownParameters, valueAt } from './mirrored-parameters.js'

/** The member of `params` that `Mcp-Name` mirrors. */
const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

const encoded = /^=\?base64\?([\w+/]*={0,2})\?=$/
const paramPrefix = 'mcp-param-'

/**
 * Whether the headers that mirror a message say the same: whoever routes by them must not see another message than the one that
 * runs (MCP 2026-07-28, Streamable HTTP; attacks M05). The message decides, and is never completed from a header.
 *
 * @param shown where the parameters are that the tool shows in headers, by `x-mcp-header`; undefined: its definition is not known
 */
export function checkMirrors(
  message: McpMessage,
  received: Pick<ReceivedMessage, 'rawHeaders'>,
  shown?: ShownParameters,
): McpRefusal | undefined {
  const { method, params, id, version } = message
  const refuse = (reason: string): McpRefusal => ({
    status: 400,
    code: mcpCodes.headerMismatch,
    reason,
    id: id ?? null,
  })
  const versions = fieldValues(received, 'mcp-protocol-version')
  const [said] = versions
  if (versions.length > 1) return refuse('MCP-Protocol-Version is there twice.')
  const isModern = [said, version].some((each) => each !== undefined && each >= firstWithoutSessions)
  if (isModern && said !== version) return refuse('MCP-Protocol-Version is not the version in _meta.')
  const member = method === undefined ? undefined : named[method]
  const mirrors: [header: string, value: unknown, isRequired: boolean][] = [
    ['Mcp-Method', method, isModern && method !== undefined],
    ['Mcp-Name', member && params[member], isModern && member !== undefined],
  ]
  for (const [header, value, isRequired] of mirrors) {
    const values = fieldValues(received, header.toLowerCase())
    if (values.length > 1) return refuse(`${header} is there twice.`)
    const [found] = values
    if (found === undefined ? isRequired : decode(found) !== value)
      return refuse(`${header} ${found === undefined ? 'is missing' : 'is not what the body says'}.`)
  }
  return wrongParam(params, received, { shown, isModern, refuse })
}

interface ParamCheck {
  shown: ShownParameters | undefined
  isModern: boolean
  refuse: (reason: string) => McpRefusal
}

/** Where the definition of the tool is not known, a header shows an argument of its name, and none must be there. */
function wrongParam(
  { arguments: given }: McpMessage['params'],
  { rawHeaders }: Pick<ReceivedMessage, 'rawHeaders'>,
  { shown, isModern, refuse }: ParamCheck,
): McpRefusal | undefined {
  const fields = fieldsByName({ rawHeaders }, (name) => name.startsWith(paramPrefix))
  if (isModern && shown)
    for (const [header, path] of shown)
      if (!fields.has(paramPrefix + header) && isPrimitive(valueAt(given, path)))
        return refuse(`${paramPrefix}${header} is missing.`)
  if (fields.size === 0) return undefined
  const byName = shown ? undefined : namedIn(given, new Set([...fields.keys()].map(lettersOfParam)))
  for (const [name, found] of fields) {
    if (found.length > 1) return refuse(`${name} is there twice.`)
    const path = shown?.get(name.slice(paramPrefix.length))
    const values = byName ? (byName.get(lettersOfParam(name)) ?? []) : path ? [valueAt(given, path)] : []
    const value = decode(found[0] ?? '')
    if (!values.some((each) => isPrimitive(each) && String(each) === value))
      return refuse(`${name} is not what the body says.`)
  }
  return undefined
}

/** What else says how a message is read. */
const decisive: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'last-event-id'])

/**
 * A header of MCP in other letters, such as `Mcp_Name`: many servers read it as the one that was compared, or is missing here. None is
 * taken for it. Nor may `Connection` name one: whoever passes the request on leaves it out then (RFC 9110 §7.6.1).
 */
export function checkFieldNames(received: Pick<ReceivedMessage, 'rawHeaders'>): McpRefusal | undefined {
  const refuse = (reason: string): McpRefusal => ({ status: 400, code: mcpCodes.headerMismatch, reason, id: null })
  const name = received.rawHeaders.find((each, at) => at % 2 === 0 && isMisspelt(each))
  if (name !== undefined) return refuse(`${name} is not taken here: headers of MCP are written with hyphens.`)
  const options = fieldValues(received, 'connection').flatMap((value) => value.toLowerCase().split(/[\s,]+/))
  const dropped = options.find((option) => decisive.has(option) || option.startsWith('mcp-'))
  return dropped === undefined ? undefined : refuse(`Connection must not name ${dropped}.`)
}

function isMisspelt(name: string): boolean {
  const lower = name.toLowerCase()
  const read = lower.replaceAll(/[^a-z0-9]+/g, '-').replace(/^-/, '')
  if (decisive.has(read)) return lower !== read
  return read.startsWith('mcp-') && !/^mcp(?:-[a-z0-9]+)+$/.test(lower) && !lower.startsWith(paramPrefix)
}

/** What is in a value under some names, by the letters of these. */
function namedIn(value: unknown, wanted: ReadonlySet<string>): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>()
  const open = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (!isObject(next)) continue
    for (const [name, inside] of Object.entries(next)) {
      if (isObject(inside)) open.push(inside)
      // A name of that length is in no header.
      if (name.length > longestName || !isPrimitive(inside)) continue
      const letters = lettersOf(name)
      if (!wanted.has(letters)) continue
      const others = found.get(letters)
      if (others) others.push(inside)
      else found.set(letters, [inside])
    }
  }
  return found
}

const longestName = 256

/** Headers write names with hyphens, where programs have other ways. */
function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

function lettersOfParam(name: string): string {
  return lettersOf(name.slice(paramPrefix.length))
}

function isPrimitive(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** A value as it was before it was made fit for a header; undefined where it cannot be read. */
function decode(value: string): string | undefined {
  const [, base64] = encoded.exec(value) ?? []
  if (base64 === undefined) return value
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
