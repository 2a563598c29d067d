import type { ReceivedMessage } from 'countersign'
import { fieldValues, type SignatureInput, serializeSignatureBase } from 'countersign/wire'

export interface SignatureBaseSource {
  message: ReceivedMessage
  authority: string
  input: SignatureInput
}

/** The exact base that a verifier makes of a message, or the components that it cannot make a line of. */
export function signatureBaseOf({ message, authority, input }: SignatureBaseSource): string | { missing: string[] } {
  const { rawTarget } = message
  const mark = rawTarget.indexOf('?')
  const derived: Readonly<Record<string, string>> = {
    '@method': message.method,
    '@authority': authority,
    '@path': mark === -1 ? rawTarget : rawTarget.slice(0, mark),
    '@query': mark === -1 ? '?' : rawTarget.slice(mark),
  }
  const read = (component: string): string | undefined => {
    if (component.startsWith('@')) return Object.hasOwn(derived, component) ? derived[component] : undefined
    const values = fieldValues(message, component)
    const value = values.join(', ')
    return values.length > 0 && /^[\t\x20-\x7e]*$/.test(value) ? value : undefined
  }
  const missing = input.components.filter((component) => read(component) === undefined)
  if (missing.length > 0) return { missing }
  return serializeSignatureBase(
    input.components,
    input.components.map((component) => read(component) ?? ''),
    input.parameters,
  )
}
