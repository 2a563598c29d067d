import { readFile } from 'node:fs/promises'
import { usageError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'

/** What is sent, as curl's flags of these names say. */
export interface BodyFlags {
  data?: readonly string[]
  dataBinary?: readonly string[]
  json?: readonly string[]
}

export interface GivenBody {
  bytes: Uint8Array<ArrayBuffer>
  /** What the body is where no header says it. */
  contentType: string
  /** Parts were given as `--json`, which also asks for JSON. */
  isJson: boolean
}

/** Most that a body holds: it is signed, and so held whole. */
export const mostBody = 256 * 1024 * 1024

/**
 * The body that flags describe: their values one after the other, between them what curl puts there; `@file` is a file, `@-`
 * standard input. Undefined where there is none.
 */
export async function readBody(
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
export async function readPart(value: string, readInput: (limit: number) => Promise<Uint8Array>): Promise<Uint8Array> {
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
