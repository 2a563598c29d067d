import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from './parties.mjs'

function newKey(folder, name) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const file = join(folder, `${name}.pem`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return { file, pem: publicKey.export({ type: 'spki', format: 'pem' }) }
}

/** The signature over a digest, in DER. Node's API would hash the digest again. */
function signDigest({ file }, digest) {
  const { status, stdout, stderr } = spawnSync('openssl', ['pkeyutl', '-sign', '-inkey', file], { input: digest })
  if (status !== 0) throw new Error(`openssl failed to sign: ${stderr.toString()}`)
  return stdout
}

/**
 * A stand-in for Google's Cloud KMS with one key: `publicKey`, and `asymmetricSign` of a digest, in DER. `next` sets its behavior for the
 * following requests: a status, `late`, or `foreign` for a signature by a different key.
 */
export async function openKeyService(folder, name, token) {
  const own = newKey(folder, 'own')
  const foreign = newKey(folder, 'foreign')
  const next = []
  const counts = { signed: 0, refused: 0 }

  async function answerSign(request) {
    const { digest } = await request.json()
    const how = next.shift()
    if (how === 'late') await new Promise((resolve) => setTimeout(resolve, 5000).unref())
    if (typeof how === 'number') {
      counts.refused += 1
      return Response.json({ error: { code: how, message: 'Quota exceeded' } }, { status: how })
    }
    counts.signed += 1
    const signature = signDigest(how === 'foreign' ? foreign : own, Buffer.from(digest.sha256, 'base64'))
    return Response.json({ name, signature: signature.toString('base64') })
  }

  const served = await serve(async () => async (request) => {
    const { pathname } = new URL(request.url)
    if (request.headers.get('authorization') !== `Bearer ${token}`) return new Response('who are you?', { status: 401 })
    if (pathname === `/v1/${name}/publicKey`) return Response.json({ pem: own.pem, algorithm: 'EC_SIGN_P256_SHA256' })
    if (pathname === `/v1/${name}:asymmetricSign`) return answerSign(request)
    return new Response(null, { status: 404 })
  })
  return { ...served, next, counts }
}
