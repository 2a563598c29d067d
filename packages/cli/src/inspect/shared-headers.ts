import { AAuthError } from 'countersign'
import { algorithmNames, parseSignature, parseSignatureInput, requireContentDigest } from 'countersign/signatures'
import type { CommandEdition, DecodedHeader, HeaderInspector } from '../editions/command-edition.js'
import { describeDistance } from './claims.js'

const none = { remarks: [], tokens: [] } as const

/** The headers that have the same form in all editions, by name. */
export function sharedHeaders(editions: readonly CommandEdition[]): Readonly<Record<string, HeaderInspector>> {
  // The first edition that has an error explains it.
  const remedies = Object.assign(
    {},
    ...editions.map((edition) => edition.remedies).reverse(),
  ) as CommandEdition['remedies']
  return {
    'Signature-Error': { fits: /^error=/, decode: async (value) => decodeSignatureError(value, remedies) },
    ...signatureHeaders,
  }
}

const signatureHeaders: Readonly<Record<string, HeaderInspector>> = {
  'Content-Digest': {
    fits: /^(?:sha|md5|crc|adler|unixsum|unixcksum|id-sha)[a-z0-9*_.-]{0,20}=:/,
    decode: async (value) => {
      await requireReadable(value)
      const members = [...value.matchAll(/(?:^|, *)([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):/g)]
      const decoded = members.map(([, name = '', digest = '']) => [name, Buffer.from(digest, 'base64').toString('hex')])
      return { decoded: Object.fromEntries(decoded), ...none }
    },
  },
  'Signature-Input': {
    fits: /^[^=]*=\((?:"|\))/,
    decode: async (value, now) => {
      const { label, components, created, expires, algorithm, parameters } = parseSignatureInput(value)
      const known: readonly string[] = algorithmNames
      return {
        decoded: {
          label,
          components,
          created,
          expires,
          alg: algorithm,
          signature_params: parameters,
        },
        remarks: [
          `created: ${new Date(created * 1000).toISOString().replace(/\.000Z$/, 'Z')}, ${describeDistance(created - now)}.`,
          ...(algorithm !== undefined && !known.includes(algorithm)
            ? [`The alg ${algorithm} is not used in this protocol.`]
            : []),
        ],
        tokens: [],
      }
    },
  },
  Signature: {
    fits: /^[^=]*=:/,
    decode: async (value) => {
      const { label, signature } = parseSignature(value)
      return { decoded: { label, bytes: signature.length, hex: Buffer.from(signature).toString('hex') }, ...none }
    },
  },
}

/** Throws if the syntax is wrong. Digest mismatches are ignored, because the body is not known. */
async function requireReadable(value: string): Promise<void> {
  try {
    await requireContentDigest(value, new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'digest_mismatch')) throw error
  }
}

const form = /^error=([a-z_]{1,64})((?:, ?[a-z_]{1,64}=\((?:"[^"\\]*"(?: (?="))?)*\))*)$/

/**
 * Decodes a `Signature-Error` value, and explains what to do about it.
 *
 * @throws AAuthError `request_malformed`
 */
function decodeSignatureError(value: string, remedies: Readonly<Record<string, string>>): DecodedHeader {
  const [, error = '', lists = ''] = form.exec(value) ?? []
  if (error === '')
    throw new AAuthError(
      'request_malformed',
      'Signature-Error does not have the form error=…, optionally followed by lists.',
    )
  const decoded: Record<string, unknown> = { error }
  for (const [, name = '', list = ''] of lists.matchAll(/, ?([a-z_]+)=\(([^)]*)\)/g)) {
    decoded[name] = [...list.matchAll(/"([^"]*)"/g)].map(([, item]) => item)
  }
  const remedy = Object.hasOwn(remedies, error) ? remedies[error] : undefined
  return { decoded, remarks: remedy === undefined ? [] : [remedy], tokens: [] }
}
