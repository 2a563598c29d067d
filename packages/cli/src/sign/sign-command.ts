import { isUtf8 } from 'node:buffer'
import { signRequest } from 'countersign/signatures'
import { exitStatus, usageError } from '../command/errors.js'
import type { KeyReferenceFlags } from '../editions/command-edition.js'
import { type EditionName, loadEdition } from '../editions/load-edition.js'
import { buildRequest, type RequestFlags } from '../flags/build-request.js'
import { readSigningKey } from '../flags/key-flags.js'
import { parseSeconds } from '../flags/network-flags.js'
import type { Run } from '../terminal/terminal.js'
import { quoteForShell, titleCase } from '../terminal/text.js'

interface SignFlags extends Omit<RequestFlags, 'json'>, KeyReferenceFlags {
  edition?: EditionName
  created?: string
  encoding?: 'base64' | 'base64url'
  nonce?: 'automatic' | 'never'
  curl?: true
  json?: true
}

/** `countersign sign <url>`: prints a signed request without sending it. */
export const signCommand: Run<SignFlags> = async ({ json, ...flags }, terminal, subject) => {
  const edition = await loadEdition(flags.edition)
  const { signing: profile } = edition.protocol
  if (flags.nonce !== undefined && profile.nonceBytes === undefined)
    throw usageError('--nonce does not apply: in this edition, every signature has a nonce parameter.')
  const { url, ...given } = await buildRequest(subject, flags, terminal.readInput)
  const request = new Request(url, { ...given, body: given.body ?? null })
  const created = parseSeconds('--created', flags.created)
  const signer = await readSigningKey(flags.key, terminal.notify)
  const now = created ?? Math.floor(Date.now() / 1000)
  const signatureKey = await edition.chooseSignatureKey(flags, signer, terminal.notify, now)
  const signed = await attemptSigning(() =>
    signRequest(request, {
      profile,
      signer,
      signatureKey,
      emptyQuery: 'keep',
      created,
      encoding: flags.encoding,
      nonce: flags.nonce,
    }),
  )
  const written = await renderableRequest(signed)
  if (json) {
    const { method, url, headers, body } = written
    const document = {
      method,
      url,
      headers: Object.fromEntries(headers),
      body_base64: Buffer.from(body).toString('base64'),
      thumbprint: signer.thumbprint,
    }
    terminal.write(`${JSON.stringify(document, null, 2)}\n`)
  } else {
    terminal.write(flags.curl ? Buffer.from(renderCurl(written, bodyFile(flags))) : renderRequest(written))
  }
  return exitStatus.done
}

async function attemptSigning<T>(sign: () => Promise<T>): Promise<T> {
  try {
    return await sign()
  } catch (cause) {
    if (cause instanceof TypeError) throw usageError(`The request cannot be signed: ${cause.message}.`, cause)
    throw cause
  }
}

/** Returns the file that provides the whole body, if there is one. */
function bodyFile({ dataBinary = [] }: SignFlags): string | undefined {
  const [only = '', ...more] = dataBinary
  return more.length === 0 && only.startsWith('@') && only !== '@-' ? only.slice(1) : undefined
}

/** A request in a form that can be rendered as text. */
export interface RenderableRequest {
  method: string
  url: string
  /** In the order and spelling in which they are written. */
  headers: readonly (readonly [name: string, value: string])[]
  body: Uint8Array
}

/** Reads a request completely. */
export async function renderableRequest(request: Request): Promise<RenderableRequest> {
  const body = new Uint8Array(await request.arrayBuffer())
  const length = body.length > 0 ? [['Content-Length', String(body.length)] as const] : []
  const headers = [...request.headers].map(([name, value]) => [titleCase(name), value] as const)
  return {
    method: request.method,
    url: request.url,
    headers: [['Host', new URL(request.url).host], ...headers, ...length],
    body,
  }
}

/** Renders the request as HTTP/1.1 text, byte for byte as on the wire. */
export function renderRequest({ method, url, headers, body }: RenderableRequest): Uint8Array {
  const [target = ''] = url.slice(new URL(url).origin.length).split('#')
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', '']
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
}

/** Headers that curl adds itself. */
const automatic: ReadonlySet<string> = new Set(['Host', 'Content-Length'])

/** Renders the request as a `curl` command for POSIX shells. `dataFile` is the file from which the body was read, if there is one. */
export function renderCurl({ method, url, headers, body }: RenderableRequest, dataFile?: string): string {
  const sent = headers.filter(([name]) => !automatic.has(name))
  if (dataFile === undefined && !isUtf8(body))
    throw usageError('--curl cannot show a binary body: use --data-binary @file.')
  const data =
    dataFile === undefined
      ? ['--data-raw', quoteForShell(Buffer.from(body).toString('utf8'))]
      : ['--data-binary', quoteForShell(`@${dataFile}`)]
  const parts = [
    [
      'curl',
      '--globoff',
      '--path-as-is',
      method === 'HEAD' ? '--head' : `--request ${quoteForShell(method)}`,
      quoteForShell(url),
    ].join(' '),
    // An empty value would remove the header; with a trailing semicolon, curl sends it empty.
    ...sent.map(([name, value]) => `--header ${quoteForShell(value === '' ? `${name};` : `${name}: ${value}`)}`),
    ...(body.length > 0 ? [data.join(' ')] : []),
  ]
  return `${parts.join(' \\\n  ')}\n`
}
