import { sign, verify } from 'node:crypto'
import * as hellocoop from '@hellocoop/httpsig'
import { createSigner } from 'countersign'
import { serializeSignatureKey } from 'countersign/editions'
import * as messageSig from 'http-message-sig'
import { createSigner as createMessageSigner, createVerifier, httpbis } from 'http-message-signatures'
import * as webBotAuth from 'web-bot-auth'
import { components, headerLines, request, withWrongSignature } from '../signed-get.mjs'
import { headerJwk } from './raw.mjs'

/**
 * The peer libraries on the same GET with the same covered components. Each uses its fast path: keys are imported once, and `node:crypto`
 * is called directly wherever the peer lets the caller supply the crypto.
 */
export async function createPeerContenders(keys) {
  const { thumbprint } = await createSigner(keys.privateJwk)
  const signatureKey = serializeSignatureKey('sig1', { scheme: 'hwk', jwk: headerJwk(keys.publicJwk) })
  return [
    ...(await createMessageSignatures(keys, signatureKey)),
    ...(await createMessageSig(keys, signatureKey)),
    ...(await createWebBotAuth(keys, signatureKey, thumbprint)),
    ...(await createHellocoop(keys)),
  ]
}

/** What the peers cannot do here, or do differently; printed below the table. */
export const peerNotes = [
  'http-message-signatures, http-message-sig and web-bot-auth do not parse Signature-Key: they are given the key, while this library finds it in the header.',
  'web-bot-auth signs more: its parameters always include expires, keyid, tag and a nonce (the nonce is created once here).',
  '@hellocoop/httpsig supports only the later form of Signature-Key, uses WebCrypto, and imports the key again for each verification; for signing it is imported once.',
  'No peer verifies an auth token with the key of its issuer, so the token rows have no counterpart.',
]

async function createMessageSignatures({ privateKey, publicKey }, signatureKey) {
  const signConfig = {
    key: createMessageSigner(privateKey, 'ed25519'),
    name: 'sig1',
    fields: components,
    params: ['created'],
  }
  const message = { method: request.method, url: request.url, headers: fields({ 'Signature-Key': signatureKey }) }
  const verifier = { algs: ['ed25519'], verify: createVerifier(publicKey, 'ed25519') }
  const verifyConfig = {
    keyLookup: async () => verifier,
    requiredFields: components,
    requiredParams: ['created'],
    maxAge: 86_400,
  }
  const signed = await httpbis.signMessage(signConfig, message)
  const wrong = { ...signed, headers: withWrongSignature(signed.headers) }
  return contenders('http-message-signatures', {
    isVerified: (candidate) => httpbis.verifyMessage(verifyConfig, candidate),
    sign: () => httpbis.signMessage(signConfig, message),
    signed,
    wrong,
  })
}

async function createMessageSig({ privateKey, publicKey }, signatureKey) {
  const signOptions = {
    components,
    signer: { algorithm: 'ed25519', sign: (bytes) => sign(null, bytes, privateKey) },
  }
  const verifier = {
    algorithm: 'ed25519',
    verify: (bytes, signature) => verify(null, bytes, publicKey, signature),
  }
  const verifyOptions = {
    policy: {
      algorithms: ['ed25519'],
      requiredComponents: components,
      requiredParameters: ['created'],
      maxAge: 86_400,
    },
    resolveVerifier: () => verifier,
  }
  const message = messageOf({ 'Signature-Key': signatureKey })
  const signNow = () => messageSig.createSignatureSync(message, { ...signOptions, parameters: { created: now() } })
  const { signature, signatureInput } = signNow()
  const headers = { 'Signature-Key': signatureKey, 'Signature-Input': signatureInput, Signature: signature }
  return contenders('http-message-sig', {
    isVerified: async (candidate) => (await messageSig.verifySignature(candidate, verifyOptions)) !== undefined,
    sign: signNow,
    signed: messageOf(headers),
    wrong: messageOf(withWrongSignature(headers)),
  })

  function messageOf(signatureHeaders) {
    const lines = headerLines(signatureHeaders).map(([name, value]) => ({ name, value }))
    return { kind: 'request', method: request.method, targetUri: request.url, fields: lines }
  }
}

async function createWebBotAuth({ privateKey, publicKey }, signatureKey, keyid) {
  const signer = {
    alg: 'ed25519',
    keyid,
    signSync: (text) => sign(null, Buffer.from(text, 'latin1'), privateKey),
  }
  const message = { method: request.method, url: request.url, headers: fields({ 'Signature-Key': signatureKey }) }
  const nonce = webBotAuth.generateNonce()
  const signNow = () => {
    const created = new Date()
    const expires = new Date(created.getTime() + 3_600_000)
    return webBotAuth.signatureHeadersSync(message, signer, { created, expires, nonce, components, key: 'sig1' })
  }
  const verifier = (text, signature) => {
    if (!verify(null, Buffer.from(text, 'latin1'), publicKey, signature)) throw new Error('verification failed')
    return true
  }
  const headers = fields({ 'Signature-Key': signatureKey, ...signNow() })
  return contenders('web-bot-auth', {
    isVerified: (candidate) => webBotAuth.verify(candidate, verifier),
    sign: signNow,
    signed: { ...message, headers },
    wrong: { ...message, headers: withWrongSignature(headers) },
  })
}

async function createHellocoop({ privateJwk, publicJwk }) {
  const signingKey = { ...headerJwk(publicJwk), alg: 'Ed25519' }
  const { alg: _alg, kid: _kid, ...importable } = privateJwk
  const signingCryptoKey = await crypto.subtle.importKey('jwk', importable, { name: 'Ed25519' }, false, ['sign'])
  const signOptions = { signingKey, signingCryptoKey, signatureKey: { type: 'hwk' }, components, label: 'sig1' }
  const signNow = () => hellocoop.fetch(request.url, { ...signOptions, headers: fields({}), dryRun: true })
  const { method, authority, path } = request
  const headers = Object.fromEntries((await signNow()).headers)
  const messageOf = (received) => ({ method, authority, path, headers: received })
  return contenders('@hellocoop/httpsig', {
    isVerified: async (candidate) => (await hellocoop.verify(candidate, { maxClockSkew: 86_400 })).verified,
    sign: signNow,
    signed: messageOf(headers),
    wrong: messageOf(withWrongSignature(headers)),
  })
}

/** Headers in the shape of Node's `IncomingMessage.headers`. */
function fields(signatureHeaders) {
  return Object.fromEntries(headerLines(signatureHeaders).map(([name, value]) => [name.toLowerCase(), value]))
}

function now() {
  return Math.floor(Date.now() / 1000)
}

function contenders(name, { isVerified, sign: signOne, signed, wrong }) {
  return [
    {
      name: `${name} verify`,
      of: 'verify',
      async check() {
        if (!(await isVerified(signed))) throw new Error(`${name} rejects its own signature`)
        if (await isVerified(wrong).catch(() => false)) throw new Error(`${name} accepts a wrong signature`)
      },
      async run(count) {
        for (let i = 0; i < count; i++) if (!(await isVerified(signed))) throw new Error(`${name} did not verify`)
      },
    },
    {
      name: `${name} sign`,
      of: 'sign',
      async run(count) {
        for (let i = 0; i < count; i++) {
          const made = signOne()
          if (made instanceof Promise) await made
        }
      },
    },
  ]
}
