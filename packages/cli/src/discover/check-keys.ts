import { randomUUID } from 'node:crypto'
import { type Discovery, fetchLimits, longestKept } from 'countersign/discovery'
import { showsSecret } from 'countersign/signatures'
import { parseJsonObject } from 'countersign/tokens'
import { explainRefusal, type Finding, type ObservedFetch } from './findings.js'

export interface KeyReport {
  kid: string | null
  outcome: 'ok' | 'refused'
  algorithm?: string
  thumbprint?: string
}

export interface KeySetReport {
  url: string
  outcome: 'ok' | 'refused' | 'unreachable'
  /** The most seconds that others keep it before they look again; null where it could not be fetched. */
  cache_seconds: number | null
  keys: KeyReport[]
  findings: Finding[]
}

const replaceKey = 'Make a new key and publish its public members only: everybody may have seen this one.'

/** Fetches a key set and tries every key in it. */
export async function checkKeys(url: string, discovery: Discovery, observed: ObservedFetch): Promise<KeySetReport> {
  // No key has this name, so the answer is about the set alone.
  const probe = await discovery.findKeyAt(url, randomUUID())
  const seen = observed.seen(url)
  const cacheSeconds = seen ? longestKept(seen.headers) : null
  if ('failure' in probe && probe.failure.reason !== 'unknown_kid') {
    const expected = {
      maxBytes: fetchLimits.jwksBytes,
      mend: `Publish {"keys": […]} with at most ${fetchLimits.keys} public keys.`,
    }
    const outcome = probe.failure.reason === 'unreachable' ? 'unreachable' : 'refused'
    const findings = [explainRefusal(probe.failure, seen, expected)]
    return { url, outcome, cache_seconds: cacheSeconds, keys: [], findings }
  }
  const published = parseJsonObject(seen?.text.trim() ?? '')?.keys
  const findings: Finding[] = []
  const keys: KeyReport[] = []
  const kids = new Set<string>()
  for (const jwk of Array.isArray(published) ? (published as unknown[]) : []) {
    const { report, finding } = await checkKey(url, jwk, kids, discovery)
    keys.push(report)
    if (finding) findings.push(finding)
  }
  const usable = keys.some(({ outcome }) => outcome === 'ok')
  if (!usable) {
    findings.push({
      level: 'error',
      what: 'It has no key that can be used.',
      mend: 'Publish an Ed25519, P-256 or RSA key with a kid; countersign keys generate makes one.',
    })
  }
  const refused = findings.some(({ level }) => level === 'error')
  return { url, outcome: refused ? 'refused' : 'ok', cache_seconds: cacheSeconds, keys, findings }
}

async function checkKey(
  url: string,
  jwk: unknown,
  kids: Set<string>,
  discovery: Discovery,
): Promise<{ report: KeyReport; finding?: Finding }> {
  const members = typeof jwk === 'object' && jwk !== null ? jwk : {}
  const kid = 'kid' in members && typeof members.kid === 'string' ? members.kid : null
  const refuse = (level: Finding['level'], what: string, mend: string) => ({
    report: { kid, outcome: 'refused' as const },
    finding: { level, what: `The key ${kid === null ? 'without a kid' : kid}: ${what}`, mend },
  })
  if (showsSecret(members)) return refuse('error', 'it shows its private part.', replaceKey)
  if (kid === null) return refuse('advice', 'nobody can name it.', 'Give it a kid that no other key here has.')
  if (kids.has(kid))
    return refuse('error', 'another key before it has the same kid.', 'Give every key a kid of its own.')
  kids.add(kid)
  const found = await discovery.findKeyAt(url, kid)
  if ('failure' in found)
    return refuse('advice', found.failure.message, 'Take it out, or publish one that can be used.')
  const { algorithm, thumbprint } = found.found
  return { report: { kid, outcome: 'ok', algorithm, thumbprint } }
}
