import {
  callbackAddress,
  displayCode,
  failedCallback,
  handleOf,
  readCode,
} from 'countersign/editions/draft-11/sessions'
import type { CodeLink, ConsentLink, ConsentTransport, RequestBlocks } from '../../http/consent-transport.js'
import { hashSecret, type MintedSecrets } from '../../secrets/server-keys.js'
import type { AuthRequest } from '../../storage/api/storage.js'
import { linkHash } from './interaction-code.js'
import { draft11Name, paths } from './paths.js'
import { acceptsGrant, detailsOf } from './request-details.js'

/** How long a decision waits for the agent's poll, in seconds. After that, the agent asks again, and the grant allows the request. */
const undelivered = 300

const maxCallback = 2048

/** What a user comes with: the code, and where the agent wants them back. */
interface Entry {
  code: string
  callback: string | undefined
}

/**
 * The transport in which the user arrives with a code, and the agent polls for the outcome (draft -11 §13.2). A code that arrives in a link
 * is replaced by an encrypted one, so that it does not stay in the address bar.
 */
export function createDraft11Transport(_issuer: string, secrets: MintedSecrets): ConsentTransport {
  const purpose = `${draft11Name} entry`

  function linkOf({ code, callback }: Entry): ConsentLink {
    const request = secrets.seal(purpose, JSON.stringify({ code, callback }))
    const fields = { request }
    return {
      edition: draft11Name,
      tokenHash: linkHash(secrets, code),
      // Users come back to the callback only if the agent's provider publishes it.
      redirectUri: undefined,
      state: callback,
      path: `${paths.interact}?${new URLSearchParams(fields).toString()}`,
      fields,
      displayCode: undefined,
    }
  }

  function open(request: string | undefined): Entry | undefined {
    const text = request === undefined ? undefined : secrets.unseal(purpose, request)
    return text === undefined ? undefined : (JSON.parse(text) as Entry)
  }

  return {
    path: paths.interact,
    remembersGrants: () => true,
    acceptsGrant: ({ prompt }) => acceptsGrant(prompt?.split(' ') ?? []),
    accountOf: (request) => detailsOf(request).account,
    openFor: { seconds: 300, most: 1800 },
    async readLink(parameters) {
      const request = parameters.get('request')
      if (request === undefined) return undefined
      const entry = open(request)
      return entry ? linkOf(entry) : 'request_unknown'
    },
    readCode(parameters) {
      const typed = parameters.get('code')
      if (typed === undefined) return undefined
      const code = readCode(typed)
      if (code === undefined) return unreadable(typed)
      const callback = parameters.get('callback')
      const link = linkOf({ code, callback: (callback?.length ?? 0) <= maxCallback ? callback : undefined })
      return { ...link, handle: handleOf(code) }
    },
    handleHashOf: ({ id }) => hashSecret(secrets.codeOf(`${draft11Name} ${id}`)),
    handleLifetimeOf: () => undelivered,
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: () => true,
    blocksOf: (request, link) => blocksOf(request, open(link.fields.request)?.code),
    usernameOf: (request) => detailsOf(request).loginHint ?? undefined,
    returnUriOf: (request) => callbackOf(request) ?? null,
    endedAddressOf: (request) =>
      callbackWith(request, request.status === 'expired' ? 'interaction_expired' : 'server_error'),
    addressOf: (request, { allowed }) => (allowed ? callbackOf(request) : callbackWith(request, 'access_denied')),
  }
}

/** A text that is no code leads to no request. It is counted like a wrong code, except that it is no guess at any request. */
function unreadable(typed: string): CodeLink {
  return {
    edition: draft11Name,
    tokenHash: hashSecret(`${draft11Name} no code ${typed}`),
    redirectUri: undefined,
    state: undefined,
    path: paths.interact,
    fields: {},
    displayCode: undefined,
    handle: '',
  }
}

function blocksOf(request: AuthRequest, code: string | undefined): RequestBlocks {
  const { account, agentSays, resourceSays, device } = detailsOf(request)
  return {
    enrols: request.requiredUserId === null,
    ownDevice: device,
    agentSays,
    resourceSays: { ...resourceSays, account: account ?? undefined },
    largeCode: code === undefined ? undefined : displayCode(code),
  }
}

function callbackOf(request: AuthRequest): string | undefined {
  const { callback, loopback } = detailsOf(request)
  return callbackAddress(request.state, {
    ...(callback === null ? {} : { callback_endpoint: callback }),
    localhost_callback_allowed: loopback,
  })
}

function callbackWith(request: AuthRequest, error: string): string | undefined {
  const callback = callbackOf(request)
  return callback === undefined ? undefined : failedCallback(callback, error)
}
