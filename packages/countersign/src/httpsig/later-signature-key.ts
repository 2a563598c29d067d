import { parseDictionary, Token } from 'structured-headers'
import { AAuthError } from '../lib/errors.js'
import { type ParsedSignatureKey, parseSignatureKey } from './signature-key.js'

/**
 * Parses `Signature-Key` in the January form or in the later one, `sig1=jwks;id="…";kid="…"`, which is RFC 8941 (W1).
 * Give it to `verifySignature` where peers of both kinds are expected.
 *
 * @throws AAuthError `signature_malformed`
 */
export function parseEitherSignatureKey(text: string): ParsedSignatureKey {
  return /^[^=]*=\(/.test(text) ? parseSignatureKey(text) : parseLaterSignatureKey(text)
}

function parseLaterSignatureKey(text: string): ParsedSignatureKey {
  const [member, ...others] = [...readDictionary(text)]
  if (!member || others.length > 0) throw malformed('does not have exactly one member')
  const [label, [scheme, parameters]] = member
  if (!(scheme instanceof Token)) throw malformed('names no scheme')
  const pairs = [...parameters].map(([name, value]): [string, string] => {
    if (typeof value !== 'string') throw malformed(`has a ${name} that is not a string`)
    return [name, value]
  })
  // One serialisation only: what a parser passes over silently, such as a doubled parameter, does not come back.
  if (`${label}=${scheme.toString()}${pairs.map(([name, value]) => `;${name}="${value}"`).join('')}` !== text) {
    throw malformed('is not in its canonical form')
  }
  return parseSignatureKey(
    `${label}=(scheme=${scheme.toString()}${pairs.map(([name, value]) => ` ${name}="${value}"`).join('')})`,
  )
}

function readDictionary(text: string): ReturnType<typeof parseDictionary> {
  if (text.length > 16_384) throw malformed('is longer than 16 KiB')
  try {
    return parseDictionary(text)
  } catch (cause) {
    throw new AAuthError('signature_malformed', 'Signature-Key is in neither form.', { cause })
  }
}

function malformed(what: string): AAuthError {
  return new AAuthError('signature_malformed', `Signature-Key ${what}.`)
}
