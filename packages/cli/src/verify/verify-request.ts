import { AAuthError, type FetchDocument } from 'countersign'
import { january, parseSignatureKey, type ResolvedKey } from 'countersign/editions'
import {
  fieldValues,
  parseSignatureInput,
  plainHost,
  type VerificationKey,
  verifySignature,
} from 'countersign/signatures'
import { knownMistake, signatureBaseOf } from '../mistakes/known-mistake.js'
import { createKeySource } from './key-source.js'
import { type ParsedRequest, parseHttpRequest } from './parse-http-request.js'
import { reportOf, type VerificationReport, type VerificationStep } from './verification-report.js'

export interface VerifyRequestOptions {
  /** The canonical authority. @default the authority of `resource`, otherwise the request's own `Host` */
  authority?: string | undefined
  resource?: string | undefined
  authServer?: string | undefined
  key?: VerificationKey | undefined
  jwks?: readonly unknown[] | undefined
  now: () => number
  allowInsecureLoopback: boolean
  fetch: FetchDocument
  /** Fetches the documents of the auth server that the user specified. */
  fetchConfigured: (issuer: string) => FetchDocument
}

/** Verifies a request from a file, and reports the step that the verification reached. The verdict comes from the library itself. */
export async function verifyRequest(input: Uint8Array, options: VerifyRequestOptions): Promise<VerificationReport> {
  try {
    const parsed = await parseHttpRequest(input)
    return await judge(parsed, chooseAuthority(parsed, options), options)
  } catch (error) {
    return reportOf({ refusal: requireRefusal(error), reached: 'request', notes: [] })
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
  let reached: VerificationStep = 'request'
  let resolved: ResolvedKey | undefined
  let refusal: AAuthError | undefined
  try {
    await verifySignature(message, {
      profile: january.signing,
      authorities: [authority],
      now,
      // A replay cannot be detected from a file.
      claimNonce: 'later',
      resolveKey: async (signatureKey) => {
        resolved = await resolveKey(signatureKey)
        return resolved
      },
      onStep: (step) => {
        reached = step
      },
    })
    reached = 'token'
    // The signature is valid, but a server would respond with a new challenge.
    if (resolved?.authorization?.expired) throw new AAuthError('auth_token_expired', 'The auth token has expired.')
  } catch (error) {
    refusal = requireRefusal(error)
  }
  const input = attempt(() => parseSignatureInput(fieldValues(message, 'signature-input')[0] ?? ''))
  const parsedKey = attempt(() => parseSignatureKey(fieldValues(message, 'signature-key')[0] ?? ''))
  const key = refusal?.code === 'signature_mismatch' ? resolved?.key : undefined
  return reportOf({
    refusal,
    reached,
    facts: {
      message,
      body,
      authority,
      now: at,
      allowInsecureLoopback: options.allowInsecureLoopback,
      input,
      parsedKey,
      resolved,
      mistake: input && key && (await knownMistake({ message, authority, input }, key)),
    },
    base: input && signatureBaseOf({ message, authority, input }),
    notes: [...notes],
  })
}

interface ChosenAuthority {
  authority: string
  /** A note that informs the user about the choice. */
  note?: string | undefined
}

function chooseAuthority({ host }: ParsedRequest, options: VerifyRequestOptions): ChosenAuthority {
  const asked = host === undefined ? undefined : plainHost(host)
  const server = [options.resource, options.authServer].map((id) => id && new URL(id).host)
  const typed = options.authority?.toLowerCase() ?? server[0] ?? (server[1] === asked ? asked : undefined)
  if (typed !== undefined) {
    const other = asked !== undefined && asked !== typed
    return other
      ? { authority: typed, note: `Host is ${asked}, but the authority ${typed} is used.` }
      : { authority: typed }
  }
  if (asked === undefined || asked === '')
    throw new AAuthError('request_malformed', 'It has no Host header, and neither --authority nor --resource is given.')
  const note =
    'The authority is taken from the request’s own Host header: a server takes it from its configuration (--authority).'
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
