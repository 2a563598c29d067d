import { readFile } from 'node:fs/promises'
import { errorCode, usageError } from '../command/errors.js'
import { attempt, readHeaderLines, requireUrl } from '../flags/request-parts.js'

export interface RequestFlags extends BodyFlags {
  request?: string
  header?: readonly string[]
}

/** A request to be sent, perhaps more than once. */
export interface GivenRequest {
  url: string
  method: string
  headers: Headers
  body: Uint8Array<ArrayBuffer> | undefined
}

/** The request that the flags describe. */
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
    throw usageError(`A ${method} request has no body: give another --request.`)
  const request = attempt('The request', () => new Request(target, { method, headers, body: body?.bytes ?? null }))
  return { url: target, method: request.method, headers, body: body?.bytes }
}

/** The lines, with those of files in place of `@file`, as curl has them. */
async function withFiles(
  lines: readonly string[],
  readInput: (limit: number) => Promise<Uint8Array>,
): Promise<readonly string[]> {
  const given: string[] = []
  for (const line of lines) {
    if (!line.startsWith('@')) given.push(line)
    // As of HTTP: each byte is a character.
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
  if (!headers.has('content-type')) headers.set('content-type', contentType)
  if (isJson && !headers.has('accept')) headers.set('accept', 'application/json')
}

/** What is sent, as curl's flags of these names say. */
interface BodyFlags {
  data?: readonly string[]
  dataBinary?: readonly string[]
  json?: readonly string[]
}

interface GivenBody {
  bytes: Uint8Array<ArrayBuffer>
  /** What the body is where no header says it. */
  contentType: string
  /** Parts were given as `--json`, which also asks for JSON. */
  isJson: boolean
}

/** Most that a body holds: it is signed, and so held whole. */
const mostBody = 256 * 1024 * 1024

/**
 * The body that flags describe: their values one after the other, between them what curl puts there; `@file` is a file, `@-`
 * standard input. Undefined where there is none.
 */
async function readBody(
  { data, dataBinary, json }: BodyFlags,
  readInput: (limit: number) => Promise<Uint8Array>,
): Promise<GivenBody | undefined> {
  const given = [data, dataBinary, json].filter((values) => values !== undefined)
  if (given.length === 0) return undefined
  if (given.length > 1) throw usageError('Give the body by one of --data, --data-binary and --json.')
  const parts: Uint8Array[] = []
  for (const value of given[0] ?? []) {
    const part = await readPart(value, readInput)
    // As curl does: lines of a file become one value of a form.
    parts.push(data && value.startsWith('@') ? withoutLineEnds(part) : part)
  }
  const between = json ? '' : '&'
  const bytes = Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [Buffer.from(between), part])))
  if (bytes.length > mostBody) throw usageError(`A body has at most ${mostBody / 1024 / 1024} MiB: it is signed whole.`)
  const contentType = json ? 'application/json' : 'application/x-www-form-urlencoded'
  return { bytes: new Uint8Array(bytes), contentType, isJson: json !== undefined }
}

/** What a value of a flag stands for: itself, `@file` a file, or `@-` standard input. */
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
