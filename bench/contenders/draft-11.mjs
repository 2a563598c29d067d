import { createSigner } from 'countersign'
import { createDiscovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { draft11, issueAgentToken } from 'countersign/editions/draft-11'
import { receiveIncoming } from 'countersign/node'
import { signMessage, verifySignature } from 'countersign/signatures'
import { issueToken, publishedJwk } from 'countersign/tokens'
import { receive, requireRefusal } from '../received.mjs'
import { request, withWrongSignature } from '../signed-get.mjs'
import { headerJwk } from './raw.mjs'

const agent = 'https://agent.example'
const audience = 'https://calendar.example'
const systemClock = () => Math.floor(Date.now() / 1000)

/** Both editions with an agent token, which draft -11 always requires: the only difference is the edition. */
export async function createDraft11Contenders({ privateJwk }) {
  const signer = await createSigner(privateJwk)
  const own = { id: agent, signer, authServers: [] }
  const claims = {
    iss: agent,
    sub: 'aauth:agent@agent.example',
    exp: systemClock() + 3600,
    cnf: { jwk: headerJwk(signer.jwk) },
  }
  const januaryToken = () => issueToken(january.tokens.agent, { ...claims, jti: crypto.randomUUID() }, { signer })
  return [
    ...(await contendersOf('January token', january, signer, januaryToken)),
    ...(await contendersOf('draft -11 token', draft11, signer, () => issueAgentToken(own, systemClock()))),
  ]
}

async function contendersOf(name, edition, signer, issue) {
  // Signatures are created before the rounds begin, so they must not expire during a long run.
  const profile = { ...edition.signing, window: 86_400 }
  const { resolve } = createResolver(edition, signer)
  const options = { authorities: [request.authority], resolveKey: resolve, profile, claimNonce: 'later' }
  const verify = (incoming) => verifySignature(receiveIncoming(incoming), options)
  const signGet = async (jwt) =>
    signMessage(request, { profile: edition.signing, signer, signatureKey: { scheme: 'jwt', jwt } })
  const headers = await signGet(await issue())
  const incoming = receive(headers)
  const signatureKey = { scheme: 'jwt', jwt: await issue() }
  let pool = []
  return [
    {
      name: `countersign verify, ${name}, seen`,
      of: 'verify',
      check: () => requireRefusal(() => verify(receive(withWrongSignature(headers)))),
      async run(count) {
        for (let i = 0; i < count; i++) await verify(incoming)
      },
    },
    {
      name: `countersign verify, ${name}, new`,
      of: 'verify',
      async prepare(count) {
        pool = []
        for (let i = 0; i < count; i++) pool.push(receive(await signGet(await issue())))
      },
      async run(count) {
        for (let i = 0; i < count; i++) await verify(pool[i])
      },
    },
    {
      name: `countersign sign, ${name}`,
      of: 'sign',
      async run(count) {
        for (let i = 0; i < count; i++) {
          const signed = signMessage(request, { profile: edition.signing, signer, signatureKey })
          if (signed instanceof Promise) await signed
        }
      },
    },
  ]
}

function createResolver({ documents, createKeyResolver }, { jwk }) {
  const { name, self, jose } = documents.agent
  const published = {
    [`${agent}/.well-known/${name}`]: {
      [self]: agent,
      jwks_uri: `${agent}/jwks.json`,
      redirect_uris: [`${agent}/callback`],
    },
    [`${agent}/jwks.json`]: { keys: [publishedJwk(jwk, jose)] },
  }
  const fetch = async (url) => (published[url] ? Response.json(published[url]) : new Response(null, { status: 404 }))
  return createKeyResolver({
    discovery: createDiscovery({ fetch }),
    audience,
    now: systemClock,
    authTokenIssuers: [],
    role: 'resource',
  })
}
