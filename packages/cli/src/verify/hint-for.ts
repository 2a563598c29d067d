import type { AAuthError, ErrorCode } from 'countersign'
import { decodeToken, isLoopbackIdentifier, type KeyReference } from 'countersign/wire'
import { addressHint } from '../network/address-hint.js'
import type { Facts } from './verification-steps.js'

type Hint = (facts: Facts | undefined) => string | undefined

const hints: Partial<Record<ErrorCode, Hint>> = {
  request_malformed: () => 'Give a request as it was on the wire: a request line, headers, an empty line, the body.',
  target_ambiguous: () => 'The request line has the path and query only: GET /data HTTP/1.1, not the whole URL.',
  signature_missing: () => 'countersign sign <url> prints a request with all three headers.',
  signature_created_outside_window: (facts) =>
    facts?.input && `To judge it as of when it was signed: --now ${facts.input.created}`,
  signature_expired: (facts) => facts?.input && `To judge it as of when it was signed: --now ${facts.input.created}`,
  signature_mismatch: (facts) =>
    facts?.mistake ??
    'Compare the base below with the signer’s, byte by byte. If they are equal, it signed with another key.',
  digest_mismatch: (facts) =>
    facts?.body.at(-1) === 0x0a
      ? 'The body ends with a line feed: perhaps an editor added it.'
      : 'The body is not the one that was signed: perhaps its line ends were changed.',
  key_unknown: loopbackHint,
  agent_token_invalid: loopbackHint,
  auth_token_invalid: loopbackHint,
}

/** What may help, for a refusal where something often does. */
export function hintFor(refusal: AAuthError, facts: Facts | undefined): string | undefined {
  return addressHint(refusal) ?? hints[refusal.code]?.(facts)
}

function loopbackHint(facts: Facts | undefined): string | undefined {
  const place = facts?.parsedKey && placeOf(facts.parsedKey.key)
  if (facts?.allowInsecureLoopback || place === undefined || !isLoopbackIdentifier(place)) return undefined
  return `${place} is on this machine: that needs --allow-insecure-loopback.`
}

/** Where a key is looked for. */
function placeOf(key: KeyReference): string | undefined {
  if (key.scheme === 'jwt') {
    const issuer = decodeToken(key.jwt)?.payload.iss
    return typeof issuer === 'string' ? issuer : undefined
  }
  if (key.scheme !== 'jwks') return undefined
  if ('id' in key) return key.id
  return URL.canParse(key.jwksUri) ? new URL(key.jwksUri).origin : undefined
}
