import type { FetchedLogo, LogoClaim } from '../logo-storage.js'
import type { MemoryUnit } from './tables.js'

export function claimLogo({ tables, now }: MemoryUnit, { agent, uri, maxAge, retryAfter }: LogoClaim): boolean {
  if (!tables.agents.has(agent)) return false
  const stored = tables.logos.get(agent)
  if (stored?.uri === uri && stored.claimedAt > now - (stored.logo ? maxAge : retryAfter)) return false
  tables.logos.set(agent, { agent, uri, claimedAt: now, logo: stored?.uri === uri ? stored.logo : null })
  return true
}

export function keepLogo({ tables }: MemoryUnit, { agent, uri, logo }: FetchedLogo): boolean {
  const stored = tables.logos.get(agent)
  if (stored?.uri !== uri) return false
  stored.logo = logo && { id: logo.id, image: new Uint8Array(logo.image) }
  return true
}

export function removeLogo({ tables }: MemoryUnit, agent: string): void {
  tables.logos.delete(agent)
}

export function findLogos({ tables }: MemoryUnit, agents: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    agents.flatMap((agent): [string, string][] => {
      const id = tables.logos.get(agent)?.logo?.id
      return id === undefined ? [] : [[agent, id]]
    }),
  )
}

export function readLogo({ tables }: MemoryUnit, id: string): Uint8Array<ArrayBuffer> | undefined {
  return [...tables.logos.values()].find(({ logo }) => logo?.id === id)?.logo?.image
}
