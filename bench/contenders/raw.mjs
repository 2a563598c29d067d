import { sign, verify } from 'node:crypto'
import { createSigner } from 'countersign'
import { january } from 'countersign/editions'
import { serializeSignatureBase, signMessage } from 'countersign/signatures'
import { components, request } from '../signed-get.mjs'

/** The limit: `node:crypto` over a prebuilt signature base, with an imported key and nothing else. */
export async function createRawContenders({ privateJwk, privateKey, publicKey }) {
  const { base, signature } = await signedBase(privateJwk, privateKey)
  return [
    {
      name: 'crypto.verify',
      limit: 'verify',
      run(count) {
        for (let i = 0; i < count; i++)
          if (!verify(null, base, publicKey, signature)) throw new Error('verification failed')
      },
    },
    {
      name: 'crypto.sign',
      limit: 'sign',
      run(count) {
        for (let i = 0; i < count; i++)
          if (sign(null, base, privateKey).length !== 64) throw new Error('signing failed')
      },
    },
  ]
}

async function signedBase(privateJwk, privateKey) {
  const signer = await createSigner(privateJwk)
  const headers = await signMessage(request, {
    profile: january.signing,
    signer,
    signatureKey: { scheme: 'hwk', jwk: headerJwk(signer.jwk) },
  })
  const values = {
    '@method': request.method,
    '@authority': request.authority,
    '@path': request.path,
    'signature-key': headers['signature-key'],
  }
  const parameters = headers['signature-input'].slice(headers['signature-input'].indexOf('=') + 1)
  const base = Buffer.from(
    serializeSignatureBase(
      components,
      components.map((component) => values[component]),
      parameters,
    ),
    'latin1',
  )
  const signature = sign(null, base, privateKey)
  if (!headers.signature.includes(signature.toString('base64')))
    throw new Error('the limit signs a different signature base')
  return { base, signature }
}

/** The public members that `scheme=hwk` carries. */
export function headerJwk({ kty, crv, x }) {
  return { kty, crv, x }
}
