import { fieldsByName, fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import {
  firstWithoutSessions,
  isObject,
  type McpMessage,
  type McpRefusal,
  mcpCodes,
  versionMember,
} from './mcp-message.js'
import { type MirroredParameters, valueAt } from './mirrored-parameters.js'

/** The member of `params` that `Mcp-Name` mirrors. */
const named: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

const encoded = /^=\?base64\?([\w+/]*={0,2})\?=$/
const paramPrefix = 'mcp-param-'

/**
 * Checks that the headers that mirror a message match the message. An intermediary that routes by them must not see a message other than
 * the one that is executed (MCP 2026-07-28, Streamable HTTP; attacks M05). The message is authoritative, and is never completed from a
 * header.
 *
 * @param mirrored the parameters that the tool mirrors, by `x-mcp-header`; undefined if the tool's definition is not known
 */
export function checkMirrors(
  message: McpMessage,
  received: Pick<ReceivedMessage, 'rawHeaders'>,
  mirrored?: MirroredParameters,
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
  if (versions.length > 1) return refuse('The MCP-Protocol-Version header occurs more than once.')
  const isModern = [said, version].some((each) => each !== undefined && each >= firstWithoutSessions)
  if (isModern && version === undefined)
    return {
      status: 400,
      code: mcpCodes.invalidParams,
      reason: `params._meta must contain ${versionMember}.`,
      id: id ?? null,
    }
  if (isModern && said !== version) return refuse('MCP-Protocol-Version does not match the version in _meta.')
  const member = method === undefined ? undefined : named[method]
  const mirrors: [header: string, value: unknown, isRequired: boolean][] = [
    ['Mcp-Method', method, isModern && method !== undefined],
    ['Mcp-Name', member && params[member], isModern && member !== undefined],
  ]
  for (const [header, value, isRequired] of mirrors) {
    const values = fieldValues(received, header.toLowerCase())
    if (values.length > 1) return refuse(`The ${header} header occurs more than once.`)
    const [found] = values
    if (found === undefined ? isRequired : decode(found) !== value)
      return refuse(`${header} ${found === undefined ? 'is missing' : 'does not match the body'}.`)
  }
  return wrongParam(params, received, { mirrored, isModern, refuse })
}

interface ParamCheck {
  mirrored: MirroredParameters | undefined
  isModern: boolean
  refuse: (reason: string) => McpRefusal
}

/** If the tool's definition is not known, a header mirrors the argument with the same name, and headers are not required. */
function wrongParam(
  { arguments: given }: McpMessage['params'],
  { rawHeaders }: Pick<ReceivedMessage, 'rawHeaders'>,
  { mirrored, isModern, refuse }: ParamCheck,
): McpRefusal | undefined {
  const fields = fieldsByName({ rawHeaders }, (name) => name.startsWith(paramPrefix))
  if (isModern && mirrored)
    for (const [header, path] of mirrored)
      if (!fields.has(paramPrefix + header) && isPrimitive(valueAt(given, path)))
        return refuse(`The ${paramPrefix}${header} header is missing.`)
  if (fields.size === 0) return undefined
  const byName = mirrored ? undefined : namedIn(given, new Set([...fields.keys()].map(normalizedParam)))
  for (const [name, found] of fields) {
    if (found.length > 1) return refuse(`The ${name} header occurs more than once.`)
    const path = mirrored?.get(name.slice(paramPrefix.length))
    const values = byName ? (byName.get(normalizedParam(name)) ?? []) : path ? [valueAt(given, path)] : []
    const value = decode(found[0] ?? '')
    if (!values.some((each) => isPrimitive(each) && String(each) === value))
      return refuse(`${name} does not match the body.`)
  }
  return undefined
}

/** Other fields that affect how a message is interpreted. */
const decisive: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'last-event-id'])

/**
 * Rejects alternative spellings of an MCP header, such as `Mcp_Name`: many servers treat them as the header that was compared, or as the
 * missing header. Also rejects a `Connection` header that names an MCP header, because intermediaries would remove that MCP header (RFC
 * 9110 §7.6.1).
 */
export function checkFieldNames(received: Pick<ReceivedMessage, 'rawHeaders'>): McpRefusal | undefined {
  const refuse = (reason: string): McpRefusal => ({ status: 400, code: mcpCodes.headerMismatch, reason, id: null })
  const name = received.rawHeaders.find((each, at) => at % 2 === 0 && isMisspelt(each))
  if (name !== undefined)
    return refuse(`${name} is not accepted: separate the words of header names with single hyphens.`)
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

/** The values of members at any depth, by normalized name. Only the wanted names are included. */
function namedIn(value: unknown, wanted: ReadonlySet<string>): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>()
  const open = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (!isObject(next)) continue
    for (const [name, inside] of Object.entries(next)) {
      if (isObject(inside)) open.push(inside)
      // No header has a name of this length.
      if (name.length > maxNameLength || !isPrimitive(inside)) continue
      const normalizedName = normalized(name)
      if (!wanted.has(normalizedName)) continue
      const others = found.get(normalizedName)
      if (others) others.push(inside)
      else found.set(normalizedName, [inside])
    }
  }
  return found
}

const maxNameLength = 256

/** Normalizes word separators: headers use hyphens, programs use other characters. */
function normalized(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

function normalizedParam(name: string): string {
  return normalized(name.slice(paramPrefix.length))
}

function isPrimitive(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** Decodes the value of a header. Undefined if it cannot be decoded. */
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
