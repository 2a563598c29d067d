import { signRequest } from 'countersign/wire'
import type { Command } from '../command/command.js'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
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
export const signCommand: Command = {
  flags: [
    { flags: '--method <name>', description: 'the method; default: GET, or POST with a body' },
    { flags: '--header <line>', description: 'a “Name: value” line; may be given several times', repeated: true },
    { flags: '--data <text>', description: 'the body', conflicts: ['dataFile'] },
    { flags: '--data-file <file>', description: 'the body, from a file, byte for byte' },
    { flags: '--key <file>', description: 'a private JWK, as keys generate writes it; default: a new key' },
    {
      flags: '--scheme <name>',
      description: 'how the key is found; default: what the flags imply, else hwk',
      choices: ['hwk', 'jwks', 'jwt'],
    },
    { flags: '--id <id>', description: 'jwks: the identifier that publishes the key' },
    {
      flags: '--well-known <name>',
      description: 'jwks: the document that names the key set; default: aauth-agent',
      choices: ['aauth-agent', 'aauth-resource', 'none'],
    },
    {
      flags: '--jwks-uri <url>',
      description: 'jwks: the key set itself, without an identifier',
      conflicts: ['id', 'wellKnown'],
    },
    { flags: '--token <jwt>', description: 'jwt: the agent token or auth token' },
    { flags: '--created <seconds>', description: 'the time of signing, in Unix seconds; default: now' },
    {
      flags: '--encoding <name>',
      description: 'of the bytes in Signature; default: base64',
      choices: ['base64', 'base64url'],
    },
    {
      flags: '--nonce <when>',
      description: 'default: automatic, with all but GET, HEAD, OPTIONS',
      choices: ['automatic', 'never'],
    },
    { flags: '--curl', description: 'print a curl command instead', conflicts: ['json'] },
    { flags: '--json', description: 'print one JSON document' },
  ],
  async run(options, terminal, subject) {
    const flags: SignFlags = options
    const request = await buildRequest(subject, flags)
    const created = parseSeconds('--created', flags.created)
    const signer = await readSigningKey(flags.key, terminal.notify)
    const signatureKey = await chooseSignatureKey(flags, signer, terminal.notify)
    const signed = await attempt(() =>
      signRequest(request, {
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
  },
}

async function attempt<T>(sign: () => Promise<T>): Promise<T> {
  try {
    return await sign()
  } catch (cause) {
    if (cause instanceof TypeError) throw usageError(`It cannot be signed: ${cause.message}.`, cause)
    throw cause
  }
}
