import type { ErrorCode, ReceivedMessage } from 'countersign'
import type { ParsedKeyReference, ResolvedKey, SignatureInput } from 'countersign/wire'

/** What is known about a request once its steps have passed. */
export interface Facts {
  message: ReceivedMessage
  body: Uint8Array
  authority: string
  now: number
  allowInsecureLoopback: boolean
  input: SignatureInput | undefined
  parsedKey: ParsedKeyReference | undefined
  resolved: ResolvedKey | undefined
  /** What the signer did otherwise, where the signature tells. */
  mistake: string | undefined
}

/** How far a verification came, as seen from outside: the step that this names has begun, or one after it. */
export type Mark = 'request' | 'target' | 'body' | 'coverage' | 'key' | 'algorithm' | 'token'

export interface VerificationStep {
  name: string
  /** The codes that say it failed. */
  codes: readonly ErrorCode[]
  /** What was found, in a few words; asked only where the step passed. */
  found: (facts: Facts) => string
}

const tokenCodes = ['agent_token_invalid', 'agent_token_expired', 'auth_token_invalid', 'auth_token_expired'] as const

/** The steps of a verification, in the order in which they are taken. */
export const verificationSteps: readonly VerificationStep[] = [
  {
    name: 'request',
    codes: ['request_malformed', 'headers_too_large'],
    found: ({ message, body }) =>
      `${message.method}, ${message.rawHeaders.length / 2} header lines, ${body.length} bytes of body`,
  },
  { name: 'target', codes: ['target_ambiguous'], found: ({ message }) => message.rawTarget },
  { name: 'authority', codes: ['header_duplicate', 'host_malformed'], found: ({ authority }) => authority },
  {
    name: 'headers',
    codes: [
      'signature_missing',
      'signature_malformed',
      'signature_label_mismatch',
      'signature_created_missing',
      'component_unsupported',
      'key_invalid',
    ],
    found: ({ parsedKey }) => `label ${parsedKey?.label}, scheme=${parsedKey?.key.scheme}`,
  },
  {
    name: 'time',
    codes: ['signature_created_outside_window', 'signature_expired'],
    found: ({ input, now }) => `created=${input?.created}, ${describeAge(now - (input?.created ?? 0))}`,
  },
  { name: 'nonce', codes: ['nonce_malformed', 'nonce_missing'], found: ({ message }) => describeNonce(message) },
  { name: 'body', codes: ['body_too_large'], found: ({ body }) => (body.length > 0 ? `${body.length} bytes` : 'none') },
  {
    name: 'coverage',
    codes: ['component_missing', 'component_forbidden', 'component_unsupported'],
    found: ({ input }) => input?.components.join(' ') ?? '',
  },
  {
    name: 'key',
    codes: ['key_unknown', 'key_invalid', 'unavailable', 'too_many_requests', ...tokenCodes],
    found: ({ resolved }) => `${resolved?.key.thumbprint}${resolved?.agent ? ` of ${resolved.agent}` : ''}`,
  },
  {
    name: 'algorithm',
    codes: ['algorithm_unsupported', 'algorithm_mismatch'],
    found: ({ resolved }) => resolved?.key.algorithm ?? '',
  },
  { name: 'signature', codes: ['signature_mismatch'], found: () => 'it is the key’s over the base' },
  {
    name: 'digest',
    codes: ['digest_malformed', 'digest_mismatch'],
    found: ({ input }) =>
      input?.components.includes('content-digest') ? 'it is the body’s' : 'none is signed, and there is no body',
  },
  { name: 'token', codes: [...tokenCodes], found: ({ resolved, now }) => describeToken(resolved, now) },
]

/** The step in which a code was raised, by how far the verification had come. */
export function stepOf(code: ErrorCode, mark: Mark): number {
  const open = verificationSteps.findIndex(({ name }) => name === mark)
  const failed = verificationSteps.findIndex(({ codes }, index) => index >= open && codes.includes(code))
  return failed === -1 ? open : failed
}

function describeAge(seconds: number): string {
  return seconds < 0 ? `${-seconds} s ahead of this clock` : `${seconds} s ago`
}

function describeNonce({ rawHeaders }: ReceivedMessage): string {
  const present = rawHeaders.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'nonce')
  return present ? 'well formed' : 'none'
}

function describeToken(resolved: ResolvedKey | undefined, now: number): string {
  if (!resolved?.token) return 'none'
  const { type, claims } = resolved.token
  return `${type.typ} of ${claims.iss}, for ${claims.exp - now} s more`
}
