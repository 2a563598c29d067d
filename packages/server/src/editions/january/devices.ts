import { AAuthError } from 'countersign'
import { documentUrl, isIdentifier } from 'countersign/discovery'
import { type AgentMetadata, january, requireParameter } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { documentRoute, type Route } from '../../http/route.js'
import type { OwnedDevice } from '../../storage/api/storage.js'
import {
  countedDevice,
  createDeviceRate,
  createDeviceRoutes,
  createRedemption,
  createRenewal,
  describeDevice,
  deviceResponse,
  requireKnown,
  requireUsable,
} from '../devices.js'
import type { SignedContext } from '../edition.js'

/** The paths that devices use besides those of every agent. `countersign/delegate` knows the first two. */
const paths = {
  redemption: '/delegates',
  renewal: '/delegates/token',
  disconnect: '/delegates/disconnect',
  status: '/delegates/status',
  keys: '/delegates/jwks.json',
}

/** The redirect URI of every device (RFC 8252 §7.3: without a port, it matches any). */
const redirectUri = 'http://127.0.0.1/callback'

/** The document of this server as the agent server of a device. */
export function deviceDocument(issuer: string, device?: OwnedDevice): AgentMetadata {
  return {
    agent: issuer,
    jwks_uri: issuer + paths.keys,
    redirect_uris: [redirectUri],
    ...(device && { name: device.name }),
  }
}

/** The routes of the agent server of users' devices; none if it is off. */
export function deviceRoutes(signed: SignedContext): readonly Route[] {
  const { issuer, personalAgents, deviceKeys, storage, now, identifiers } = signed
  if (!personalAgents || !deviceKeys) return []
  const context = { ...signed, personalAgents }
  const rateLimit = createDeviceRate(context)
  const document = {
    ...deviceDocument(issuer),
    device_authorization_uri: `${issuer}/account/devices/connect`,
    ...(personalAgents.remote && { device_code_uri: `${issuer}/account/devices/code` }),
  }
  return [
    documentRoute(documentUrl(january.documents.agent, issuer), document),
    documentRoute(issuer + paths.keys, async () => ({ keys: await deviceKeys.publicKeys() })),
    ...createDeviceRoutes(context, {
      [paths.redemption]: createRedemption(context, rateLimit),
      [paths.renewal]: createRenewal(context, rateLimit, ({ form, key: { jwk } }) => {
        const audience = requireParameter(form, 'audience')
        if (!isIdentifier(audience, identifiers))
          throw new AAuthError('request_malformed', 'audience must be the identifier of a resource or an auth server.')
        const { kid: _kid, use: _use, alg: _alg, ...key } = jwk
        const aud = [...new Set([issuer, audience])]
        return async ({ id: name }, lifetime) => {
          const claims = { iss: issuer, sub: name, aud, cnf: { jwk: key }, exp: now() + lifetime }
          const token = await issueToken(january.tokens.agent, claims, { signer: await deviceKeys.signer(), now })
          return { agent_token: token, expires_in: lifetime, name }
        }
      }),
      async [paths.disconnect](request) {
        const device = requireKnown(await countedDevice(context, rateLimit, request))
        await request.claim(device.id)
        if (device.disconnectedAt === null) await storage.disconnectDevice({ id: device.id, by: 'device' })
        return deviceResponse({ disconnected: true, device: device.name, account: device.user.username })
      },
      async [paths.status](request) {
        const device = requireUsable(context, await countedDevice(context, rateLimit, request))
        await request.claim(device.id)
        return deviceResponse(describeDevice(device))
      },
    }),
  ]
}
