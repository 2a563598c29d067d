import type { KeyReference } from '../../httpsig/key-reference.js'

/** The whole of a `Signature-Key`. */
// Values are printable ASCII but for the quote, the backslash and what ends or separates members in either syntax.
export const signatureKeyForm =
  /^[a-z*][a-z0-9_.*-]{0,63}=\(scheme=[a-z0-9]{1,8}(?: [a-z][a-z0-9_-]{0,15}="[ !#-'*+\-./0-:<>-[\]-~]*")*\)$/

/** Where a parameter is named otherwise than the member. */
const wireNames: Readonly<Record<string, string>> = { wellKnown: 'well-known', jwksUri: 'jwks' }

/**
 * Serialises a key reference in the January form (W1).
 *
 * @throws TypeError for a value that the form cannot carry
 */
export function serializeSignatureKey(label: string, key: KeyReference): string {
  const members: Readonly<Record<string, string | undefined>> = key.scheme === 'hwk' ? key.jwk : key
  let text = `${label}=(scheme=${key.scheme}`
  for (const name of Object.keys(members)) {
    if (name === 'scheme') continue
    const value = members[name]
    if (!value) throw new TypeError(`Signature-Key cannot carry an empty ${name}`)
    text += ` ${wireNames[name] ?? name}="${value}"`
  }
  text += ')'
  if (!signatureKeyForm.test(text)) throw new TypeError('Signature-Key cannot carry a value of this key')
  return text
}
