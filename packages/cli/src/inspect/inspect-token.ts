import { AAuthError, type PublicJwk } from 'countersign'
import { confirmationJwk, decodeToken, jwkThumbprint, maxTokenLength, parseJsonObject } from 'countersign/wire'
import { describeDistance } from './describe-distance.js'
import type { Inspection } from './inspection.js'

/** Takes a compact JWT apart, also one that this library refuses, as far as it goes; undefined when it is none. */
export async function inspectToken(compact: string, now: number): Promise<Inspection | undefined> {
  const parts = compact.split('.')
  if (parts.length < 2 || parts.length > 5 || !/^[A-Za-z0-9_=+/-]+$/.test(parts[0] ?? '')) return undefined
  const [header, payload] = parts.map((part) => parseJsonObject(Buffer.from(part, 'base64url').toString('utf8')))
  if (!header) return undefined
  const signature = Buffer.from(parts[2] ?? '', 'base64url')
  const refusal = decodeToken(compact) ? undefined : refusalOf(parts, payload !== undefined)
  return {
    kind: typeof header.typ === 'string' ? header.typ : 'JWT',
    decoded: { header, payload: payload ?? null, signature_bytes: signature.length },
    remarks: [...headerRemarks(header), ...timeRemarks(payload ?? {}, now), ...(await keyRemarks(payload ?? {}))],
    inside: [],
    refusal,
  }
}

function refusalOf(parts: readonly string[], hasPayload: boolean): string {
  if (parts.length !== 3) return `it has ${parts.length} parts, where a signed token has three`
  if (!hasPayload) return 'its payload is not a JSON object in base64url'
  if (parts[2] === '') return 'it is not signed at all'
  if (parts.join('.').length > maxTokenLength) return `it is longer than ${maxTokenLength / 1024} KiB`
  return 'a part of it is not base64url without padding, in its one canonical form, or its JSON has a member twice'
}

function headerRemarks({ alg, kid }: Record<string, unknown>): string[] {
  return [
    ...(typeof alg === 'string' && alg.toLowerCase() === 'none' ? ['alg is none: nobody signed it.'] : []),
    ...(typeof alg === 'string' && alg.startsWith('HS')
      ? [`alg is ${alg}, a shared secret: nobody accepts it here.`]
      : []),
    ...(kid === undefined ? ['It has no kid, so no key can be found for it.'] : []),
  ]
}

const times: Readonly<Record<string, readonly [past: string, future: string]>> = {
  iat: ['issued', 'issued'],
  nbf: ['usable since', 'not usable before'],
  exp: ['expired', 'expires'],
}

function timeRemarks(payload: Record<string, unknown>, now: number): string[] {
  return Object.entries(times).flatMap(([claim, [past, future]]) => {
    const seconds = payload[claim]
    if (typeof seconds !== 'number' || !(Math.abs(seconds) < 1e11)) return []
    const date = new Date(seconds * 1000).toISOString().replace(/\.000Z$/, 'Z')
    return [`${claim}: ${seconds <= now ? past : future} ${date}, ${describeDistance(seconds - now)}.`]
  })
}

async function keyRemarks(claims: Record<string, unknown>): Promise<string[]> {
  const jwk = confirmationJwk(claims)
  if (!jwk) return []
  try {
    return [`It is bound to the key with the thumbprint ${await jwkThumbprint(jwk as PublicJwk)}.`]
  } catch (error) {
    if (error instanceof AAuthError) return [`Its cnf.jwk is no key: ${error.message}`]
    throw error
  }
}
