import { readFile } from 'node:fs/promises'
import { errorCode, usageError } from '../command/errors.js'
import { encodeForm } from './multipart-form.js'

export interface RequestFlags extends BodyFlags {
  request?: string
  header?: readonly string[]
}

/** A request that may be sent more than once. */
export interface GivenRequest {
  url: string
  method: string
  headers: Headers
  body: Uint8Array<ArrayBuffer> | undefined
}

/** Builds the request that the flags describe. */
export async function buildRequest(
  url: string,
  flags: RequestFlags,
  readInput: (limit: number) => Promise<Uint8Array>,
): Promise<GivenRequest> {
  const target = requireUrl(url)
  const headers = readHeaderLines(await withFiles(flags.header ?? [], readInput))
  const body = await readBody(flags, readInput)
  if (body) describe(headers, body)
  const method = flags.request ?? (body ? 'POST' : 'GET')
  if (body && /^(?:GET|HEAD)$/i.test(method))
    throw usageError(`A ${method} request cannot have a body: use another --request method.`)
  const request = attempt('The request', () => new Request(target, { method, headers, body: body?.bytes ?? null }))
  return { url: target, method: request.method, headers, body: body?.bytes }
}

/** Returns the header lines, replacing each `@file` with the lines of that file, as curl does. */
async function withFiles(
  lines: readonly string[],
  readInput: (limit: number) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const given: string[] = []
  for (const line of lines) {
    if (!line.startsWith('@')) given.push(line)
    // Header bytes are decoded as Latin-1, as in HTTP.
    else
      given.push(
        ...Buffer.from(await readPart(line, readInput))
          .toString('latin1')
          .split(/\r?\n/)
          .filter(Boolean),
      )
  }
  return given
}

function describe(headers: Headers, { contentType, isJson }: GivenBody): void {
  if (contentType.startsWith('multipart/') && headers.has('content-type'))
    throw usageError('--form sets the Content-Type itself, because it contains the boundary between the parts.')
  if (!headers.has('content-type')) headers.set('content-type', contentType)
  if (isJson && !headers.has('accept')) headers.set('accept', 'application/json')
}

/** The body flags. They work like the curl flags of the same names. */
interface BodyFlags {
  data?: readonly string[]
  dataBinary?: readonly string[]
  json?: readonly string[]
  form?: readonly string[]
}

interface GivenBody {
  bytes: Uint8Array<ArrayBuffer>
  /** Content-Type to use if no header sets one. */
  contentType: string
  /** Whether the body was given as `--json`, which also requests a JSON response. */
  isJson: boolean
}

/** Maximum size of a body, in bytes. The whole body is signed, so it must be held in memory. */
const mostBody = 256 * 1024 * 1024

/**
 * Reads the body that the flags describe. The values are joined with the separator that curl uses. `@file` stands for a file, `@-` for
 * standard input. Returns undefined if no body flag is given.
 */
async function readBody(
  { data, dataBinary, json, form }: BodyFlags,
  readInput: (limit: number) => Promise<Uint8Array>,
): Promise<GivenBody | undefined> {
  const given = [data, dataBinary, json, form].filter((values) => values !== undefined)
  if (given.length === 0) return undefined
  if (given.length > 1) throw usageError('Use only one of --data, --data-binary, --json and --form.')
  if (form) {
    const encoded = await encodeForm(form, (value) => readPart(value, readInput))
    requireSize(encoded.bytes)
    return { ...encoded, isJson: false }
  }
  const parts: Uint8Array[] = []
  for (const value of given[0] ?? []) {
    const part = await readPart(value, readInput)
    // As in curl, line breaks are removed from the content of a file given with --data.
    parts.push(data && value.startsWith('@') ? withoutLineEnds(part) : part)
  }
  const between = json ? '' : '&'
  const bytes = Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [Buffer.from(between), part])))
  requireSize(bytes)
  const contentType = json ? 'application/json' : 'application/x-www-form-urlencoded'
  return { bytes: new Uint8Array(bytes), contentType, isJson: json !== undefined }
}

function requireSize(bytes: Uint8Array): void {
  if (bytes.length > mostBody)
    throw usageError(`A body must not be larger than ${mostBody / 1024 / 1024} MiB, because it is signed as a whole.`)
}

/** Reads a flag's value: the value itself, the content of the file for `@file`, or standard input for `@-`. */
async function readPart(value: string, readInput: (limit: number) => Promise<Uint8Array>): Promise<Uint8Array> {
  if (value === '@-') return readInput(mostBody)
  if (!value.startsWith('@')) return Buffer.from(value)
  const path = value.slice(1)
  try {
    return await readFile(path)
  } catch (cause) {
    throw usageError(`The file ${path} cannot be read (${errorCode(cause)}).`, cause)
  }
}

function withoutLineEnds(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0)
}

/** Requires an absolute http or https URL. */
function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw usageError('The URL must be an absolute http or https URL.')
  if (url.username !== '' || url.password !== '') throw usageError('The URL must not contain a username or password.')
  return url.href
}

/** Parses header lines, as typed by the user. */
function readHeaderLines(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+):[ \t]*(.*)$/.exec(line) ?? []
    if (name === '') throw usageError('--header must be a line of the form Name: value.')
    if (unsettable.has(name.toLowerCase())) throw usageError(`--header cannot set ${name}, which is set automatically.`)
    attempt(`--header ${name}`, () => headers.append(name, value))
  }
  return headers
}

const unsettable: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'signature',
  'signature-input',
  'signature-key',
  'content-digest',
  'nonce',
])

/** Calls a platform constructor, and converts the TypeError that it throws for values that cannot be sent. */
function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof TypeError)
      throw usageError(`${what} cannot be sent: ${cause.message.replace(/\.$/, '')}.`, cause)
    throw cause
  }
}
