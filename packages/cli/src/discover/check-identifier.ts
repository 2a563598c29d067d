import {
  createDiscovery,
  type Discovery,
  type DocumentType,
  documentUrl,
  endpointProblem,
  fetchLimits,
  isLoopbackIdentifier,
  type NetworkOptions,
} from 'countersign/discovery'
import type { GuardedFetchOptions } from 'countersign/node'
import { parseJsonObject } from 'countersign/tokens'
import type { DocumentKind } from '../editions/command-edition.js'
import { loggedFetch } from '../network/fetch-problems.js'
import { checkKeys, type KeySetReport } from './check-keys.js'
import { explainRefusal, type Finding, type Observation, type ObservedFetch, observedFetch } from './findings.js'

export interface DocumentReport {
  party: DocumentKind['party']
  url: string
  /** `absent`: the origin reports that the document does not exist. */
  outcome: 'ok' | 'absent' | 'refused' | 'unreachable'
  findings: Finding[]
  document: object | null
  key_set: KeySetReport | null
}

/** What is published under an identifier; printed unchanged by `--json`. */
export interface IdentifierReport {
  identifier: string
  outcome: 'ok' | 'refused' | 'unreachable'
  documents: DocumentReport[]
}

/** Fetches and checks what is published under an identifier, as a peer would. `configuredOrigin` may be the identifier's own origin. */
export async function checkIdentifier(
  identifier: string,
  network: NetworkOptions & Pick<GuardedFetchOptions, 'configuredOrigin'>,
  tell: (text: string) => void,
  kinds: readonly DocumentKind[],
): Promise<IdentifierReport> {
  // The user typed a loopback identifier, so loopback is allowed.
  const identifiers = { allowInsecureLoopback: isLoopbackIdentifier(identifier), allowPath: true }
  const observed = observedFetch(loggedFetch({ ...identifiers, ...network }, tell))
  const discovery = createDiscovery({ ...identifiers, fetch: observed.fetch, failureTime: 'shortest' })
  const documents: DocumentReport[] = []
  for (const kind of kinds) documents.push(await checkDocument(kind, identifier, discovery, observed))
  return { identifier, outcome: judge(documents), documents }
}

async function checkDocument(
  { party, type, endpoints, advised }: DocumentKind,
  identifier: string,
  discovery: Discovery,
  observed: ObservedFetch,
): Promise<DocumentReport> {
  const url = documentUrl(type, identifier)
  const outcome = await discovery.findMetadata(type, identifier)
  const seen = observed.seen(url)
  const report = { party, url, findings: [], document: null, key_set: null }
  if ('failure' in outcome) {
    if (seen?.status === 404 || seen?.status === 410) return { ...report, outcome: 'absent' }
    const absent = absentMembers(type.required, seen)
    const fix =
      absent.length > 0
        ? `Add ${absent.join(', ')}: without ${absent.length > 1 ? 'them' : 'it'} the document is useless to peers.`
        : 'Every URL in the document must be absolute, use https (or http on loopback), be in the form that a URL parser produces, and have no fragment (#).'
    const expected = { maxBytes: fetchLimits.metadataBytes, self: { member: type.self, identifier }, fix }
    return {
      ...report,
      outcome: outcome.failure.reason === 'unreachable' ? 'unreachable' : 'refused',
      findings: [explainRefusal(outcome.failure, seen, expected)],
    }
  }
  const metadata = outcome.found
  const missing = advised.filter(({ member }) => !(member in metadata))
  const findings = missing.map(({ without, fix }): Finding => ({ level: 'advice', what: without, fix }))
  return {
    ...report,
    outcome: 'ok',
    findings: [
      ...findings,
      ...endpointFindings(identifier, endpoints, metadata),
      ...ignoredMembers(type, seen, metadata),
      ...contentTypeFindings(seen),
    ],
    document: metadata,
    key_set:
      metadata.jwks_uri === undefined
        ? null
        : await checkKeys(metadata.jwks_uri, { type, identifier }, discovery, observed),
  }
}

/** Returns the required members that are missing; empty if the response is not a JSON object. */
function absentMembers(required: readonly string[], seen: Observation | undefined): string[] {
  const document = parseJsonObject(seen?.text.trim() ?? '')
  return document ? required.filter((member) => !(member in document)) : []
}

/** Endpoints at another origin. Peers do not use these unless their configuration allows that origin. */
function endpointFindings(identifier: string, endpoints: readonly string[], metadata: object): Finding[] {
  return Object.entries(metadata).flatMap(([member, url]): Finding[] => {
    if (!endpoints.includes(member) || endpointProblem(identifier, member, String(url)) === undefined) return []
    const { origin } = new URL(String(url))
    return [
      {
        level: 'advice',
        what: `Its ${member} is at another origin (${origin}): peers refuse it, because that origin could belong to anyone.`,
        fix: `Serve it at ${new URL(identifier).origin}, or have every peer add ${origin} to endpointOrigins.`,
      },
    ]
  })
}

/** A known member that the library dropped has the wrong type; unknown members may have any value. */
function ignoredMembers({ members }: DocumentType, seen: Observation | undefined, metadata: object): Finding[] {
  const published = parseJsonObject(seen?.text.trim() ?? '') ?? {}
  return Object.entries<string>(members).flatMap(([member, kind]): Finding[] => {
    const type = memberTypes[kind]
    if (type === undefined || !(member in published) || member in metadata) return []
    return [{ level: 'advice', what: `Its ${member} has the wrong type and is ignored.`, fix: `Make it ${type}.` }]
  })
}

const memberTypes: Readonly<Record<string, string>> = {
  strings: 'a list of strings',
  texts: 'an object whose values are strings',
  boolean: 'true or false',
}

function contentTypeFindings(seen: Observation | undefined): Finding[] {
  const type = seen?.headers.get('content-type') ?? 'missing'
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return []
  return [{ level: 'advice', what: `Its Content-Type is ${type}.`, fix: 'Send application/json.' }]
}

function judge(documents: readonly DocumentReport[]): IdentifierReport['outcome'] {
  const outcomes: string[] = documents.flatMap(({ outcome, key_set }) =>
    key_set ? [outcome, key_set.outcome] : [outcome],
  )
  if (outcomes.includes('refused') || outcomes.every((outcome) => outcome === 'absent')) return 'refused'
  return outcomes.includes('unreachable') ? 'unreachable' : 'ok'
}
