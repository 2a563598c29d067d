import { AAuthError, type FetchDocument, type ReceivedMessage } from 'countersign'
import type { ResolvedKey } from 'countersign/editions'
import {
  fieldValues,
  parseSignatureInput,
  plainHost,
  type SigningProfile,
  type VerificationKey,
  verifySignature,
} from 'countersign/signatures'
import type { CommandEdition } from '../editions/command-edition.js'
import { editionWith } from '../editions/load-edition.js'
import { knownMistake, signatureBaseOf } from '../signature-mistakes/known-mistake.js'
import { createKeySource } from './key-source.js'
import { type ParsedRequest, parseHttpRequest } from './parse-http-request.js'
import { reportOf, type VerificationReport, type VerificationStep } from './verification-report.js'

export interface VerifyRequestOptions {
  edition: CommandEdition
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
    return reportOf({ refusal: requireRefusal(error), reached: 'request', notes: [], edition: options.edition })
  }
}

async function judge(
  { message, body, notes: readNotes }: ParsedRequest,
  { authority, note }: ChosenAuthority,
  options: VerifyRequestOptions,
): Promise<VerificationReport> {
  const { edition } = options
  const { signing: profile } = edition.protocol
  const notes = new Set([...readNotes, ...(note === undefined ? [] : [note])])
  const at = options.now()
  const now = () => at
  const resolveKey = createKeySource({ ...options, authority, now }, (text) => notes.add(text))
  let reached: VerificationStep = 'request'
  let resolved: ResolvedKey | undefined
  let refusal: AAuthError | undefined
  try {
    await verifySignature(message, {
      profile,
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
  if (refusal?.code === 'signature_malformed') {
    const other = await editionWith('Signature-Key', fieldValues(message, 'signature-key')[0] ?? '')
    if (other && other.edition !== edition)
      notes.add(`Its Signature-Key has the form of another edition: to verify it as such, use --edition ${other.name}.`)
  }
  const chosen = chooseSignature(message, profile)
  const input = attempt(() => parseSignatureInput(chosen.input))
  const parsedKey = attempt(chosen.parseKey)
  const key = refusal?.code === 'signature_mismatch' ? resolved?.key : undefined
  return reportOf({
    refusal,
    reached,
    edition,
    facts: {
      message,
      body,
      authority,
      now: at,
      allowInsecureLoopback: options.allowInsecureLoopback,
      input,
      parsedKey,
      hasNonce: profile.hasNonceParameter ? input?.nonce !== undefined : fieldValues(message, 'nonce').length > 0,
      resolved,
      mistake: input && key && (await knownMistake({ message, authority, input, signature: chosen.signature }, key)),
    },
    base: input && signatureBaseOf({ message, authority, input }),
    notes: [...notes],
  })
}

/** The values of the signature that is verified, which is the message's only one unless the edition chooses one. */
function chooseSignature(message: ReceivedMessage, { parseKey, chooseSignature: choose }: SigningProfile) {
  const field = (name: string) => fieldValues(message, name)
  const fields = {
    'signature-key': field('signature-key').join(', '),
    'signature-input': field('signature-input').join(', '),
    signature: field('signature').join(', '),
  }
  const chosen = attempt(() => choose?.(fields))
  return chosen
    ? { ...chosen, parseKey: () => chosen.parsedKey }
    : {
        input: field('signature-input')[0] ?? '',
        signature: field('signature')[0] ?? '',
        parseKey: () => parseKey(field('signature-key')[0] ?? ''),
      }
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
