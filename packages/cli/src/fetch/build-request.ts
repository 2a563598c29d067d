import { usageError } from '../command/command-error.js'
import { attempt, readHeaderLines, requireUrl } from '../flags/request-parts.js'
import { type BodyFlags, type GivenBody, readBody, readPart } from './read-body.js'

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
