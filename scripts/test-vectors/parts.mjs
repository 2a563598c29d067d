// The parts of vectors, made with node:crypto alone. Nothing of the library is used, so that a bug in the library cannot become a vector.
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'

export const base64url = (value) => Buffer.from(value).toString('base64url')
export const sha256 = (value) => createHash('sha256').update(value).digest()

/** A key that anyone can reproduce: its seed is the SHA-256 hash of its name. */
export function testKey(name) {
  const pkcs8 = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    sha256(`countersign test key: ${name}`),
  ])
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' })
  const jwk = { kty, crv, x, kid: name }
  const thumbprint = base64url(sha256(JSON.stringify({ crv, kty, x })))
  return { privateKey, privateJwk: { ...jwk, d: privateKey.export({ format: 'jwk' }).d }, jwk, thumbprint }
}

export function testKeys(names) {
  return Object.fromEntries(names.map((name) => [name, testKey(name)]))
}

export function issueToken(header, claims, { privateKey }) {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`
  return `${input}.${base64url(sign(null, Buffer.from(input), privateKey))}`
}

export const json = (body) => ({ contentType: 'application/json', body: JSON.stringify(body) })

/**
 * A signed request to `origin`. Everything that a negative case changes is a member of `parts`; `order` arranges the covered components,
 * given all values that can be covered.
 */
export function signedRequest(parts, { origin, keys, clock, order = (values) => values }) {
  const { method, target, signedBy, label = 'sig1', created = clock } = parts
  const { host } = new URL(origin)
  const [path, query] = target.split('?')
  const fields = {
    ...(parts.body === undefined
      ? {}
      : {
          'content-type': 'application/json',
          'content-digest': parts.digest ?? `sha-256=:${sha256(parts.body).toString('base64')}:`,
        }),
    ...parts.fields,
  }
  const signatureKey = parts.signatureKey ?? `${label}=${parts.key}`
  const values = order({
    '@method': method,
    '@authority': host,
    '@path': path,
    ...(query === undefined ? {} : { '@query': `?${query}` }),
    ...fields,
    'signature-key': signatureKey,
  })
  const covered = (parts.covered ?? Object.keys(values)).filter((name) => !parts.uncovered?.includes(name))
  const parameters = `(${covered.map((name) => `"${name}"`).join(' ')})${parts.parameters ?? `;created=${created}`}`
  const lines = [...covered.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${parameters}`]
  const base = (parts.rewriteLines?.(lines) ?? lines).join('\n')
  const signature = sign(null, Buffer.from(base), keys[signedBy].privateKey)
  const encoded = (parts.encode ?? ((bytes) => bytes.toString('base64')))(signature)
  const headers = {
    host,
    ...fields,
    'signature-key': signatureKey,
    'signature-input': `${parts.inputLabel ?? label}=${parameters}${parts.moreInputs ?? ''}`,
    signature: `${label}=:${encoded}:${parts.moreSignatures ?? ''}`,
  }
  const sent = parts.bodyAfter ?? parts.body
  return {
    request: {
      method: parts.methodAfter ?? method,
      url: origin + (parts.targetAfter ?? target),
      headers: [
        ...Object.entries(headers).filter(([name]) => !parts.without?.includes(name)),
        ...(parts.extraHeaders ?? []),
      ],
      ...(sent === undefined ? {} : { body: sent }),
    },
    base,
    signedBy,
    signature: signature.toString('base64'),
  }
}
