import { LruCache } from '../../lib/lru-cache.js'
import type { AgentTools } from '../agent-protocol.js'
import type { AgentTokens } from './agent-tokens.js'

const maxOwners = 10_000

/**
 * The names under which an agent acts for its owners. A person server lets an agent act for one user only, so a web agent has a name for
 * each of its users. Until a user has allowed something in the owner's own browser, every consent has a new name: someone else may have
 * opened the link and bound the name to their account.
 */
export interface OwnerNames {
  /** The owner's name or, if there is none, the name for the owner's next requests. */
  current(owner: string): Promise<string>
  /** The owner's name, if a user has allowed it something in the owner's own browser. */
  bound(owner: string): Promise<string | undefined>
  /** The name for a new consent. */
  forConsent(owner: string): Promise<string>
  /** Reserves the name of a request for the consent that it started. False if another consent has it. */
  claim(owner: string, name: string): Promise<boolean>
  /** Makes a name the owner's, after its user has returned in the owner's browser. */
  bind(owner: string, name: string): Promise<void>
}

/** The owners of consents, by the state with which a browser returns. */
export interface Returns {
  note(state: string, owner: string, until: number): Promise<void>
  ownerOf(state: string): Promise<string | undefined>
}

/** Undefined for an agent with one owner. */
export function createReturns({ isShared, records }: Pick<AgentTools, 'isShared' | 'records'>): Returns | undefined {
  if (!isShared) return undefined
  // No session has such a name.
  const placeOf = (state: string) => `\0return ${state}`
  return {
    async note(state, owner, until) {
      await records.add(placeOf(state), { kind: 'agent', id: '' }, owner, until)
    },
    ownerOf: async (state) => (await records.list(placeOf(state), 'agent'))[0]?.data as string | undefined,
  }
}

/** Creates the names under which an agent acts for its owners: a single one, unless the agent has several owners. */
export function createOwnerNames(
  { isShared, records, now }: Pick<AgentTools, 'isShared' | 'records' | 'now'>,
  agentTokens: AgentTokens,
): OwnerNames {
  const { ownName } = agentTokens
  if (!isShared)
    return {
      current: async () => ownName,
      bound: async () => ownName,
      forConsent: async () => ownName,
      claim: async () => true,
      bind: async () => undefined,
    }
  const unbound = new LruCache<string>(maxOwners)
  const boundOf = async (owner: string) => (await records.list(owner, 'agent'))[0]?.data as string | undefined
  return {
    async current(owner) {
      const bound = await boundOf(owner)
      if (bound !== undefined) return bound
      const name = unbound.get(owner, now()) ?? agentTokens.createName()
      unbound.set(owner, name, Number.POSITIVE_INFINITY)
      return name
    },
    bound: boundOf,
    forConsent: async (owner) => (await boundOf(owner)) ?? agentTokens.createName(),
    async claim(owner, name) {
      if ((await boundOf(owner)) === name) return true
      const isUnused = unbound.get(owner, now()) === name
      if (isUnused) unbound.delete(owner)
      return isUnused
    },
    async bind(owner, name) {
      await records.add(owner, { kind: 'agent', id: '' }, name)
    },
  }
}
