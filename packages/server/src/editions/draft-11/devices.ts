import { randomBytes } from 'node:crypto'
import { documentUrl } from 'countersign/discovery'
import { type AgentDocument, draft11Documents, draft11Jose } from 'countersign/editions/draft-11'
import { draft11AgentServer } from 'countersign/editions/draft-11/agent-server'
import { publishedJwk } from 'countersign/tokens'
import { deviceKeysOf } from '../../config/personal-agents.js'
import { documentRoute, type Route } from '../../http/route.js'
import type { SigningKeys } from '../../secrets/server-keys.js'
import { type StoredKeysOptions, storedSigningKeys } from '../../secrets/stored-keys.js'
import type { OwnedDevice } from '../../storage/api/storage.js'
import { createDeviceRate, createDeviceRoutes, createRenewal } from '../devices.js'
import type { SignedContext } from '../edition.js'
import { draft11Name, paths } from './paths.js'
import { malformed } from './problems.js'

/** The name under which the keys that sign devices' agent tokens of draft -11 are stored and rotated. */
export const draft11DeviceKeysName = deviceKeysOf(draft11Name)

/**
 * The keys that sign the agent tokens of users' devices in draft -11, for `deviceKeys`. They are stored and rotated like those of
 * `storedDraft11Keys`.
 *
 * @throws KeyError `master_key_wrong` if the stored keys cannot be decrypted; `no_active_key` if one of them is missing
 * @throws TypeError if the master key is not 32 bytes
 */
export function storedDraft11DeviceKeys(options: StoredKeysOptions): Promise<SigningKeys> {
  return storedSigningKeys(options, { edition: draft11DeviceKeysName, alg: 'Ed25519' })
}

/** The document of this server as the agent provider of users' devices. */
export function deviceDocument(issuer: string, device?: OwnedDevice): AgentDocument {
  return {
    issuer,
    jwks_uri: issuer + paths.deviceKeys,
    localhost_callback_allowed: true,
    ...(device && { name: device.name }),
  }
}

/**
 * The routes of the agent provider of users' devices; none if it is off. January 2026 has the routes at which devices are connected and
 * disconnected.
 */
export function deviceRoutes(signed: SignedContext): readonly Route[] {
  const { issuer, personalAgents, deviceKeys, now } = signed
  if (!personalAgents || !deviceKeys) return []
  const context = { ...signed, personalAgents }
  const { host } = new URL(issuer)
  const renew = createRenewal(context, createDeviceRate(context), ({ key: { jwk } }) => {
    if (publishedJwk(jwk, draft11Jose).alg === undefined)
      throw malformed('Draft -11 has no algorithm for this key: connect the device with an Ed25519 or P-256 key.')
    return async ({ id: name }, lifetime) => {
      const provider = { id: issuer, signer: await deviceKeys.signer(), lifetime, now }
      const jti = randomBytes(16).toString('base64url')
      const token = { name, jwk, audience: issuer, issuedAt: now(), jti }
      const jwt = await draft11AgentServer.issue(provider, token)
      return { agent_token: jwt, expires_in: lifetime, name: `aauth:${name}@${host}` }
    }
  })
  return [
    documentRoute(documentUrl(draft11Documents.agent, issuer), deviceDocument(issuer)),
    documentRoute(issuer + paths.deviceKeys, async () => ({ keys: await deviceKeys.publicKeys() })),
    ...createDeviceRoutes(context, { [paths.deviceToken]: renew }),
  ]
}
