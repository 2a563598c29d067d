import { readFile } from 'node:fs/promises'
import { usageError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'

export interface RequestFlags {
  method?: string
  header?: readonly string[]
  data?: string
  dataFile?: string
}

/** The request that the flags describe, not signed yet. */
export async function buildRequest(url: string, flags: RequestFlags): Promise<Request> {
  const target = requireUrl(url)
  const headers = new Headers()
  for (const line of flags.header ?? []) {
    const [, name = '', value = ''] = /^([^:\s]+):[ \t]*(.*)$/.exec(line) ?? []
    if (name === '') throw usageError('--header takes a line of the form Name: value.')
    if (unsettable.has(name.toLowerCase()))
      throw usageError(`--header cannot set ${name}: it follows from the request.`)
    attempt(`--header ${name}`, () => headers.append(name, value))
  }
  const body = await readBody(flags)
  if (body && !headers.has('content-type')) {
    throw usageError("A body needs --header 'Content-Type: …': the signature covers it.")
  }
  const method = flags.method?.toUpperCase() ?? (body ? 'POST' : 'GET')
  return attempt('The request', () => new Request(target, { method, headers, body: body ?? null }))
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

function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw usageError('The URL must be an absolute one of https or http.')
  if (url.username !== '' || url.password !== '') throw usageError('The URL must have no user name and no password.')
  return url.href
}

async function readBody({ data, dataFile }: RequestFlags): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const body = data === undefined ? dataFile && (await readDataFile(dataFile)) : new TextEncoder().encode(data)
  return body && body.length > 0 ? new Uint8Array(body) : undefined
}

async function readDataFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw usageError(`--data-file: ${path} cannot be read (${errorCode(cause)}).`, cause)
  }
}

/** The constructors of the platform refuse by TypeError what cannot be sent. */
function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof TypeError)
      throw usageError(`${what} cannot be sent: ${cause.message.replace(/\.$/, '')}.`, cause)
    throw cause
  }
}
