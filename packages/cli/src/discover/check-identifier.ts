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
import { type AgentEdition, january } from 'countersign/editions'
import type { GuardedFetchOptions } from 'countersign/node'
import { parseJsonObject } from 'countersign/tokens'
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
  kinds = documentKinds,
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
      ...ignoredMembers(seen, metadata),
      ...contentTypeFindings(seen),
    ],
    document: metadata,
    key_set: await checkKeys(metadata.jwks_uri, discovery, observed),
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
function ignoredMembers(seen: Observation | undefined, metadata: object): Finding[] {
  const known = Object.keys(documentMembers).filter(
    (member) => member in (parseJsonObject(seen?.text.trim() ?? '') ?? {}),
  )
  return known
    .filter((member) => !(member in metadata))
    .map((member) => ({
      level: 'advice',
      what: `Its ${member} has the wrong type and is ignored.`,
      fix: `Make it ${documentMembers[member]}.`,
    }))
}

const documentMembers: Readonly<Record<string, string>> = {
  redirect_uris: 'a list of strings',
  scope_descriptions: 'an object whose values are strings',
  supported_scopes: 'a list of strings',
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

interface DocumentKind {
  /** The party that publishes the document. */
  party: 'agent' | 'resource' | 'issuer'
  type: DocumentType
  /** Members with URLs to which peers send requests or users. */
  endpoints: readonly string[]
  /** Optional members without which something breaks, with the effect and the fix. */
  advised: readonly { member: string; without: string; fix: string }[]
}

/** The documents of an agent and its auth server in an edition. */
export function documentKindsOf({ agent, authServer }: AgentEdition['documents']): readonly DocumentKind[] {
  const isJanuary = agent === january.documents.agent
  if (isJanuary) return documentKinds
  return [
    { party: 'agent', type: agent, endpoints: [], advised: [] },
    {
      party: 'issuer',
      type: authServer,
      endpoints: authServer.required.filter((name) => name.endsWith('_endpoint')),
      advised: [],
    },
  ]
}

/** The documents that may be published under an identifier (S§8). */
export const documentKinds: readonly DocumentKind[] = [
  {
    party: 'agent',
    type: january.documents.agent,
    endpoints: [],
    advised: [
      {
        member: 'redirect_uris',
        without: 'It lists no redirect_uris, so auth servers cannot redirect users back.',
        fix: 'List every redirect_uri that the agent uses, with exactly the same spelling.',
      },
    ],
  },
  {
    party: 'resource',
    type: january.documents.resource,
    endpoints: ['resource_token_endpoint'],
    advised: [
      {
        member: 'scope_descriptions',
        without: 'It has no scope_descriptions, so users see only the names of scopes.',
        fix: 'Describe each scope in a few plain words.',
      },
    ],
  },
  {
    party: 'issuer',
    type: january.documents.authServer,
    endpoints: ['agent_token_endpoint', 'agent_auth_endpoint', 'agent_revocation_endpoint', 'revocation_list_uri'],
    advised: [
      {
        member: 'authorization_response_iss_parameter_supported',
        without:
          'It does not declare that it sends iss (RFC 9207), so agents cannot tell which server a response came from.',
        fix: 'Send iss with every code and error, and declare it in the document.',
      },
    ],
  },
]
