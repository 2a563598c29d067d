import { randomUUID } from 'node:crypto'
import { type Discovery, type DocumentType, fetchLimits, maxCacheSeconds } from 'countersign/discovery'
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
  /** How long other parties may cache the key set, in seconds; null if it could not be fetched. */
  cache_seconds: number | null
  keys: KeyReport[]
  findings: Finding[]
}

const replaceKey = 'Generate a new key, and publish only its public members: anyone may have seen this private key.'

/** The party whose key set is checked, and its document. */
interface KeyOwner {
  type: DocumentType
  identifier: string
}

/** Fetches a party's key set and checks every key in it. */
export async function checkKeys(
  url: string,
  { type, identifier }: KeyOwner,
  discovery: Discovery,
  observed: ObservedFetch,
): Promise<KeySetReport> {
  const find = (kid: string) => discovery.findKey(type, identifier, kid)
  // No key has this kid, so the result is about the key set itself.
  const probe = await find(randomUUID())
  const seen = observed.seen(url)
  const cacheSeconds = seen ? maxCacheSeconds(seen.headers) : null
  if ('failure' in probe && probe.failure.reason !== 'unknown_kid') {
    const expected = {
      maxBytes: fetchLimits.jwksBytes,
      fix: `Publish {"keys": […]} with up to ${fetchLimits.keys} public keys.`,
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
    const { report, finding } = await checkKey(jwk, kids, find)
    keys.push(report)
    if (finding) findings.push(finding)
  }
  const usable = keys.some(({ outcome }) => outcome === 'ok')
  if (!usable) {
    findings.push({
      level: 'error',
      what: 'The key set has no usable key.',
      fix: 'Publish an Ed25519, P-256 or RSA key with a kid; countersign agent keys generate creates one.',
    })
  }
  const refused = findings.some(({ level }) => level === 'error')
  return { url, outcome: refused ? 'refused' : 'ok', cache_seconds: cacheSeconds, keys, findings }
}

async function checkKey(
  jwk: unknown,
  kids: Set<string>,
  find: (kid: string) => ReturnType<Discovery['findKey']>,
): Promise<{ report: KeyReport; finding?: Finding }> {
  const members = typeof jwk === 'object' && jwk !== null ? jwk : {}
  const kid = 'kid' in members && typeof members.kid === 'string' ? members.kid : null
  const refuse = (level: Finding['level'], what: string, fix: string) => ({
    report: { kid, outcome: 'refused' as const },
    finding: { level, what: `The key ${kid === null ? 'without a kid' : kid}: ${what}`, fix },
  })
  if (showsSecret(members)) return refuse('error', 'it contains its private part.', replaceKey)
  if (kid === null)
    return refuse('advice', 'it cannot be referred to.', 'Give it a kid that no other key in this set has.')
  if (kids.has(kid)) return refuse('error', 'an earlier key has the same kid.', 'Give every key its own kid.')
  kids.add(kid)
  const found = await find(kid)
  if ('failure' in found)
    return refuse('advice', found.failure.message, 'Remove this key, or replace it with a usable one.')
  const { algorithm, thumbprint } = found.found
  return { report: { kid, outcome: 'ok', algorithm, thumbprint } }
}
