import { january } from 'countersign'
import { signRequest } from 'countersign/wire'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { parseSeconds } from '../flags/parse-seconds.js'
import { buildRequest, type RequestFlags } from './build-request.js'
import { chooseSignatureKey, type KeyReferenceFlags } from './choose-signature-key.js'
import { readSigningKey } from './read-signing-key.js'
import { renderCurl } from './render-curl.js'
import { renderRequest } from './render-request.js'
import { renderableRequest } from './renderable-request.js'

interface SignFlags extends RequestFlags, KeyReferenceFlags {
  created?: string
  encoding?: 'base64' | 'base64url'
  nonce?: 'automatic' | 'never'
  curl?: true
  json?: true
}

/** `countersign sign <url>`: a signed request, written down and not sent. */
export const signCommand: Run = async (options, terminal, subject) => {
  const flags: SignFlags = options
  const request = await buildRequest(subject, flags)
  const created = parseSeconds('--created', flags.created)
  const signer = await readSigningKey(flags.key, terminal.notify)
  const signatureKey = await chooseSignatureKey(flags, signer, terminal.notify)
  const signed = await attempt(() =>
    signRequest(request, {
      profile: january.signing,
      signer,
      signatureKey,
      emptyQuery: 'keep',
      created,
      encoding: flags.encoding,
      nonce: flags.nonce,
    }),
  )
  const written = await renderableRequest(signed)
  if (flags.json) {
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
    terminal.write(flags.curl ? Buffer.from(renderCurl(written, flags.dataFile)) : renderRequest(written))
  }
  return exitStatus.done
}

async function attempt<T>(sign: () => Promise<T>): Promise<T> {
  try {
    return await sign()
  } catch (cause) {
    if (cause instanceof TypeError) throw usageError(`It cannot be signed: ${cause.message}.`, cause)
    throw cause
  }
}
