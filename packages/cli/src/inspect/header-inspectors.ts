import { january, type PublicJwk } from 'countersign'
import {
  algorithmNames,
  jwkThumbprint,
  parseChallenge,
  parseSignature,
  parseSignatureInput,
  parseSignatureKey,
  requireContentDigest,
} from 'countersign/wire'
import { decodeSignatureError } from './decode-signature-error.js'
import { describeDistance } from './describe-distance.js'
import type { Decoded } from './inspection.js'

interface HeaderInspector {
  /** Whether a bare value is one of this header. */
  fits: RegExp
  /** Throws what the library's parser throws. */
  decode: (value: string, now: number) => Promise<Decoded>
}

const none = { remarks: [], tokens: [] } as const

/** The headers that can be taken apart, by name; the first whose form fits decides what a bare value is. */
export const headerInspectors: Readonly<Record<string, HeaderInspector>> = {
  [january.headers.challenge]: {
    fits: /^httpsig\b/,
    decode: async (value) => {
      const challenge = parseChallenge(value)
      const tokens = challenge.resourceToken === undefined ? [] : [challenge.resourceToken]
      return { decoded: asWritten(challenge), remarks: [], tokens }
    },
  },
  [january.headers.problem]: { fits: /^error=/, decode: async (value) => decodeSignatureError(value) },
  'Content-Digest': {
    fits: /^(?:sha|md5|crc|adler|unixsum|unixcksum|id-sha)[a-z0-9*_.-]{0,20}=:/,
    decode: async (value) => {
      await requireReadable(value)
      const members = [...value.matchAll(/(?:^|, *)([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):/g)]
      const decoded = members.map(([, name = '', digest = '']) => [name, Buffer.from(digest, 'base64').toString('hex')])
      return { decoded: Object.fromEntries(decoded), ...none }
    },
  },
  'Signature-Key': {
    fits: /^[^=]*=\(scheme=/,
    decode: async (value) => {
      const { label, key } = parseSignatureKey(value)
      const thumbprint = key.scheme === 'hwk' ? await jwkThumbprint(key.jwk as PublicJwk) : undefined
      return {
        decoded: { label, ...asWritten(key) },
        remarks: thumbprint === undefined ? [] : [`The key’s thumbprint is ${thumbprint}.`],
        tokens: key.scheme === 'jwt' ? [key.jwt] : [],
      }
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
            ? [`alg ${algorithm} is not one that is used here.`]
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

/** The names of parameters, as the headers write them. */
const wireNames: Readonly<Record<string, string>> = {
  resourceToken: 'resource_token',
  authServer: 'auth_server',
  algorithms: 'algs',
  wellKnown: 'well-known',
  jwksUri: 'jwks',
}

function asWritten(parsed: object): Record<string, unknown> {
  const given = Object.entries(parsed).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [wireNames[name] ?? name, value]))
}

/** Throws where the form is wrong; that the digest is not the one of an empty body says nothing. */
async function requireReadable(value: string): Promise<void> {
  try {
    await requireContentDigest(value, new Uint8Array(0))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'digest_mismatch')) throw error
  }
}
