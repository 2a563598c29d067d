import { requireKnownOptions } from '../../lib/options.js'
import type { ResourceEdition } from '../edition.js'
import type { ResourceTools } from '../resource-protocol.js'
import { draft11Documents } from './documents.js'
import type { ResourceAccounts } from './judge-request.js'
import { writeRefusal } from './refusals.js'
import { createKeyResolver } from './resolve-key.js'
import { type AccessMode, createResourceProtocol } from './resource-protocol.js'
import { draft11BaseSigning, draft11Signing, furtherComponentNames } from './signing.js'

const responseHeaders = [
  'AAuth-Requirement',
  'AAuth-Access',
  'Signature-Error',
  'Accept-Signature-Scheme',
  'Accept-Signature-Alg',
] as const

/** What a resource of draft -11 may have besides the options of `createResource`. */
export interface Draft11ResourceOptions {
  /**
   * `base` for agents that cover only what draft -11 requires of every signature. Anyone between such an agent and the resource can change
   * the query and the body of a request. @default 'full'
   */
  coverage?: 'full' | 'base' | undefined
  /** The accounts of the resource's users, if they may have several. @default none: `account` is refused */
  accounts?: ResourceAccounts | undefined
  /**
   * The token without which the resource serves nothing. Agents take it as advice: with `person-token` and `auth-token`, they ask their user
   * before the first request, whatever the request needs. @default `auth-token` with `scopes`, `session-token` with `sessions`, or else
   * `agent-token`
   */
  accessMode?: AccessMode | undefined
  /** The resource's own sessions: see `createSessions` in `countersign/editions/draft-11/sessions`. @default none */
  sessions?: { attach(tools: ResourceTools): void } | undefined
}

const resourceOptions = {
  coverage: true,
  accounts: true,
  accessMode: true,
  sessions: true,
} as const satisfies Record<keyof Draft11ResourceOptions, true>

/** The resource's part of draft -11 of AAuth: signatures cover the query and the body. */
export const draft11Resource = draft11ResourceWith({})

/**
 * The same for agents that cover only what draft -11 requires of every signature. Anyone between such an agent and the resource can change
 * the query and the body of a request.
 */
export const draft11ResourceWithBaseCoverage = draft11ResourceWith({ coverage: 'base' })

/**
 * The resource's part of draft -11 with options that only draft -11 has.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const edition = draft11ResourceWith({ accessMode: 'agent-token', accounts: { has: (account, { sub }) => isOwner(sub, account) } })
 * ```
 */
export function draft11ResourceWith(options: Draft11ResourceOptions) {
  requireKnownOptions('draft11ResourceWith', options, resourceOptions)
  const { coverage = 'full', accounts, accessMode, sessions } = options
  if (accounts !== undefined && typeof accounts.has !== 'function')
    throw new TypeError('accounts: has must be a function that decides whether a user has an account')
  const signing = coverage === 'base' ? draft11BaseSigning : draft11Signing
  const { window } = signing
  const form = {
    furtherComponents: coverage === 'base' ? [] : furtherComponentNames,
    window,
    accounts,
    accessMode,
    hasSessions: sessions !== undefined,
  }
  return {
    name: 'draft -11',
    documents: draft11Documents,
    signing,
    responseHeaders,
    createKeyResolver,
    writeRefusal: (error, challenge) => writeRefusal(error, challenge),
    createResourceProtocol(tools) {
      sessions?.attach(tools)
      return createResourceProtocol(tools, form)
    },
  } as const satisfies ResourceEdition
}
