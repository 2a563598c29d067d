/**
 * The person server of AAuth draft -11, as an edition of the auth server.
 *
 * @packageDocumentation
 */

import { draft11Jose, draft11Resource, isServerId, type PersonDocument } from 'countersign/editions/draft-11'
import type { Draft11Settings } from '../../config/draft-11-settings.js'
import type { ServerContext } from '../../http/context.js'
import type { Endpoint, Route } from '../../http/route.js'
import type { SigningKeys } from '../../secrets/server-keys.js'
import { type StoredKeysOptions, storedSigningKeys } from '../../secrets/stored-keys.js'
import type { SignedEdition } from '../edition.js'
import { authTokenEndpoint } from './auth-token.js'
import { createDraft11Transport } from './consent-transport.js'
import { deviceRoutes, storedDraft11DeviceKeys } from './devices.js'
import { tokenLifetime as draft11TokenLifetime } from './issue-token.js'
import { draft11Name, paths } from './paths.js'
import { pendingRoute } from './pending.js'
import { personTokenEndpoint } from './person-token.js'
import { startRevocationSender } from './revocation-sender.js'
import { revocationRoute, revokedToken } from './revocations.js'

export { draft11TokenLifetime, storedDraft11DeviceKeys }

/** The keys and limits of the draft -11 edition. */
export interface Draft11Options extends Draft11Settings {
  /** The edition's own signing keys, which sign nothing else, such as `await storedDraft11Keys({ storage, masterKey })`. */
  keys: SigningKeys
  /**
   * Sign the agent tokens of users' devices, and nothing else, if the server has `personalAgents`, such as
   * `await storedDraft11DeviceKeys({ storage, masterKey })`. @default devices speak only January 2026
   */
  deviceKeys?: SigningKeys | undefined
}

/**
 * A person server of AAuth draft -11: it issues person tokens and auth tokens to agents that sign with agent tokens, and asks the user of an
 * agent to decide.
 *
 * @example
 * ```ts
 * const server = createAuthServer({ issuer, keys, storage }, januaryServer, draft11Server({ keys: draft11Keys }))
 * ```
 */
export function draft11Server({
  keys,
  deviceKeys,
  resourcesPerDay = 200,
  openRequests = 20,
  capabilitiesOptional = false,
}: Draft11Options): SignedEdition {
  const limits = { resources: resourcesPerDay, openRequests, capabilitiesOptional }
  return {
    name: draft11Name,
    edition: draft11Resource,
    hasProviders: true,
    keys,
    deviceKeys,
    revokedToken,
    tokenLifetime: draft11TokenLifetime,
    sendsRevocations: true,
    createTransport: createDraft11Transport,
    describe: (context) => ({ ...documentOf(context) }),
    endpoints(context) {
      requireServerId(context)
      startRevocationSender(context)
      const post = (path: string, endpoint: Endpoint): Route => ({
        path,
        caller: 'agent',
        methods: { POST: endpoint },
        startsNew: () => true,
      })
      return [
        post(paths.personToken, personTokenEndpoint(context, limits)),
        post(paths.authToken, authTokenEndpoint(context, limits)),
        pendingRoute(context),
        revocationRoute(context),
        ...deviceRoutes(context),
      ]
    },
  }
}

/** @throws TypeError for an issuer that no agent or resource of draft -11 accepts */
function requireServerId({ issuer, identifiers }: ServerContext): void {
  const isAccepted: boolean = isServerId(issuer, identifiers)
  if (isAccepted) return
  throw new TypeError(
    `draft11: in draft -11, an issuer has no port and no path: change ${issuer}, or turn off the draft11 setting`,
  )
}

/**
 * The edition's own keys in the database, which are stored and rotated like those of `storedKeys`. Rotate them with the `edition` option of
 * `rotateKeys` and `startKeyRotation`.
 *
 * @throws KeyError `master_key_wrong` if the stored keys cannot be decrypted; `no_active_key` if one of them is missing
 * @throws TypeError if the master key is not 32 bytes
 */
export function storedDraft11Keys(options: StoredKeysOptions): Promise<SigningKeys> {
  return storedSigningKeys(options, { edition: draft11Name, alg: 'Ed25519' })
}

/** The document of the person server (draft -11 §11.2.3), with the scopes and claims that an account can fill. */
function documentOf({ issuer, name, algorithms }: ServerContext): PersonDocument {
  return {
    issuer,
    jwks_uri: issuer + paths.keys,
    person_token_endpoint: issuer + paths.personToken,
    auth_token_endpoint: issuer + paths.authToken,
    revocation_endpoint: issuer + paths.revoke,
    name,
    accept_signature_algs: algorithms.flatMap((algorithm) => draft11Jose.names[algorithm]),
    scopes_supported: ['openid', 'profile', 'email'],
    claims_supported: ['sub', 'name', 'preferred_username', 'email', 'email_verified'],
  }
}
