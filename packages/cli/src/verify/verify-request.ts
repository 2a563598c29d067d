import { AAuthError, type FetchDocument, january, type ReceivedMessage } from 'countersign'
import {
  fieldValues,
  parseSignatureInput,
  parseSignatureKey,
  plainHost,
  type ResolvedKey,
  type VerificationKey,
  verifySignature,
} from 'countersign/wire'
import { knownMistake, signatureBaseOf } from '../mistakes/known-mistake.js'
import { createKeySource } from './key-source.js'
import { type ParsedRequest, parseHttpRequest } from './parse-http-request.js'
import { type Mark, reportOf, type VerificationReport } from './verification-report.js'

export interface VerifyRequestOptions {
  /** The canonical authority. @default that of `resource` or `authServer`, else the request's own `Host` */
  authority?: string | undefined
  resource?: string | undefined
  authServer?: string | undefined
  key?: VerificationKey | undefined
  jwks?: readonly unknown[] | undefined
  now: () => number
  allowInsecureLoopback: boolean
  fetch: FetchDocument
  /** Fetches the documents of the auth server that was typed. */
  fetchConfigured: (issuer: string) => FetchDocument
}

/** Verifies a request from a file, and says which step it reached. The verdict is the library's own. */
export async function verifyRequest(input: Uint8Array, options: VerifyRequestOptions): Promise<VerificationReport> {
  try {
    const parsed = await parseHttpRequest(input)
    return await judge(parsed, chooseAuthority(parsed, options), options)
  } catch (error) {
    return reportOf({ refusal: requireRefusal(error), mark: 'request', notes: [] })
  }
}

async function judge(
  { message, body, notes: readNotes }: ParsedRequest,
  { authority, note }: ChosenAuthority,
  options: VerifyRequestOptions,
): Promise<VerificationReport> {
  const notes = new Set([...readNotes, ...(note === undefined ? [] : [note])])
  const at = options.now()
  const now = () => at
  const resolveKey = createKeySource({ ...options, authority, now }, (text) => notes.add(text))
  const seen: { mark: Mark; resolved: ResolvedKey | undefined } = { mark: 'target', resolved: undefined }
  const observed: ReceivedMessage = {
    ...message,
    body: async (limit) => {
      seen.mark = 'body'
      const content = await message.body(limit)
      seen.mark = 'coverage'
      return content
    },
  }
  let refusal: AAuthError | undefined
  try {
    await verifySignature(observed, {
      profile: january.signing,
      authorities: [authority],
      now,
      // One request that was written down: whether it is a copy, nobody asks here.
      claimNonce: 'later',
      resolveKey: async (signatureKey) => {
        seen.mark = 'key'
        seen.resolved = await resolveKey(signatureKey)
        seen.mark = 'algorithm'
        return seen.resolved
      },
    })
    seen.mark = 'token'
    // The signature is good, but a server would answer with a fresh challenge.
    if (seen.resolved?.authorization?.expired) throw new AAuthError('auth_token_expired', 'The auth token has expired.')
  } catch (error) {
    refusal = requireRefusal(error)
  }
  const input = attempt(() => parseSignatureInput(fieldValues(message, 'signature-input')[0] ?? ''))
  const parsedKey = attempt(() => parseSignatureKey(fieldValues(message, 'signature-key')[0] ?? ''))
  const key = refusal?.code === 'signature_mismatch' ? seen.resolved?.key : undefined
  return reportOf({
    refusal,
    mark: seen.mark,
    facts: {
      message,
      body,
      authority,
      now: at,
      allowInsecureLoopback: options.allowInsecureLoopback,
      input,
      parsedKey,
      resolved: seen.resolved,
      mistake: input && key && (await knownMistake({ message, authority, input }, key)),
    },
    base: input && signatureBaseOf({ message, authority, input }),
    notes: [...notes],
  })
}

interface ChosenAuthority {
  authority: string
  /** What the person should know about the choice. */
  note?: string | undefined
}

function chooseAuthority({ host }: ParsedRequest, options: VerifyRequestOptions): ChosenAuthority {
  const asked = host === undefined ? undefined : plainHost(host)
  const server = [options.resource, options.authServer].map((id) => id && new URL(id).host)
  const typed = options.authority?.toLowerCase() ?? server[0] ?? (server[1] === asked ? asked : undefined)
  if (typed !== undefined) {
    const other = asked !== undefined && asked !== typed
    return other
      ? { authority: typed, note: `Host is ${asked}; the authority is ${typed} all the same.` }
      : { authority: typed }
  }
  if (asked === undefined || asked === '')
    throw new AAuthError('request_malformed', 'It does not have one Host header, and --authority is not given.')
  const note = 'The authority is the request’s own Host: a server takes it from its configuration (--authority).'
  return { authority: asked, note }
}

function requireRefusal(error: unknown): AAuthError {
  if (error instanceof AAuthError) return error
  throw error
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}
