import { fieldValues, parseSignature, type VerificationKey, verifyBytes } from 'countersign/wire'
import { type SignatureBaseSource, signatureBaseOf } from './signature-base-of.js'
import { signatureFormMistake } from './signature-form-mistake.js'

/** Wrong bases that signers are known to make, and what to tell them. */
const mistakes: readonly { says: string; bases: (base: string, source: SignatureBaseSource) => string[] }[] = [
  {
    says: 'It was signed over a base without the last line, "@signature-params": RFC 9421 §2.5 needs it.',
    bases: (base) => {
      const lines = base.slice(0, base.lastIndexOf('\n'))
      return [lines, `${lines}\n`]
    },
  },
  {
    says: 'It was signed over the base with a line feed at its end: there is none (RFC 9421 §2.5).',
    bases: (base) => [`${base}\n`],
  },
  {
    says: 'It was signed for another authority, that of its Host header: sign the one that the server is known by.',
    bases: (_, source) =>
      fieldValues(source.message, 'host').flatMap((host) => {
        const other = signatureBaseOf({ ...source, authority: host.toLowerCase() })
        return typeof other === 'string' ? [other] : []
      }),
  },
]

/** What is wrong with a signature, if it is a mistake that signers are known to make. */
export async function knownMistake(source: SignatureBaseSource, key: VerificationKey): Promise<string | undefined> {
  const base = signatureBaseOf(source)
  if (typeof base !== 'string') return undefined
  const { signature } = parseSignature(fieldValues(source.message, 'signature')[0] ?? '')
  const form = signatureFormMistake(key, signature, base)
  if (form !== undefined) return form
  for (const { says, bases } of mistakes) {
    for (const other of bases(base, source)) if (await verifyBytes(key, signature, other)) return says
  }
  return undefined
}
