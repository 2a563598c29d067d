import { readFile } from 'node:fs/promises'
import { usageError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'
import { attempt, readHeaderLines, requireUrl } from '../flags/request-parts.js'

export interface RequestFlags {
  method?: string
  header?: readonly string[]
  data?: string
  dataFile?: string
}

/** The request that the flags describe, not signed yet. */
export async function buildRequest(url: string, flags: RequestFlags): Promise<Request> {
  const target = requireUrl(url)
  const headers = readHeaderLines(flags.header ?? [])
  const body = await readBody(flags)
  if (body && !headers.has('content-type')) {
    throw usageError("A body needs --header 'Content-Type: …': the signature covers it.")
  }
  const method = flags.method?.toUpperCase() ?? (body ? 'POST' : 'GET')
  return attempt('The request', () => new Request(target, { method, headers, body: body ?? null }))
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
