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
import { january } from 'countersign/editions'
import type { GuardedFetchOptions } from 'countersign/node'
import { parseJsonObject } from 'countersign/tokens'
import { toldFetch } from '../network/fetch-problems.js'
import { checkKeys, type KeySetReport } from './check-keys.js'
import { explainRefusal, type Finding, type Observation, type ObservedFetch, observedFetch } from './findings.js'

export interface DocumentReport {
  party: DocumentKind['party']
  url: string
  /** `absent`: the origin says that there is none. */
  outcome: 'ok' | 'absent' | 'refused' | 'unreachable'
  findings: Finding[]
  document: object | null
  key_set: KeySetReport | null
}

/** What an identifier publishes; `--json` prints it as it stands. */
export interface IdentifierReport {
  identifier: string
  outcome: 'ok' | 'refused' | 'unreachable'
  documents: DocumentReport[]
}

/** Fetches and checks what an identifier publishes, as a peer would; its own origin may be `configuredOrigin`. */
export async function checkIdentifier(
  identifier: string,
  network: NetworkOptions & Pick<GuardedFetchOptions, 'configuredOrigin'>,
  tell: (text: string) => void,
  kinds = documentKinds,
): Promise<IdentifierReport> {
  // Whoever typed an identifier on this machine means this machine.
  const identifiers = { allowInsecureLoopback: isLoopbackIdentifier(identifier), allowPath: true }
  const observed = observedFetch(toldFetch({ ...identifiers, ...network }, tell))
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
    const mend =
      absent.length > 0
        ? `Add ${absent.join(', ')}: without ${absent.length > 1 ? 'them' : 'it'} peers can do nothing with the document.`
        : 'Every URL in it must be absolute, https (or http on loopback), as a URL parser spells it, without #.'
    const expected = { maxBytes: fetchLimits.metadataBytes, self: { member: type.self, identifier }, mend }
    return {
      ...report,
      outcome: outcome.failure.reason === 'unreachable' ? 'unreachable' : 'refused',
      findings: [explainRefusal(outcome.failure, seen, expected)],
    }
  }
  const metadata = outcome.found
  const missing = advised.filter(({ member }) => !(member in metadata))
  const findings = missing.map(({ without, mend }): Finding => ({ level: 'advice', what: without, mend }))
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

/** Members that are not there at all; what is no document has none that could be missed. */
function absentMembers(required: readonly string[], seen: Observation | undefined): string[] {
  const document = parseJsonObject(seen?.text.trim() ?? '')
  return document ? required.filter((member) => !(member in document)) : []
}

/** Endpoints at another origin, which peers do not use unless their configuration names it. */
function endpointFindings(identifier: string, endpoints: readonly string[], metadata: object): Finding[] {
  return Object.entries(metadata).flatMap(([member, url]): Finding[] => {
    if (!endpoints.includes(member) || endpointProblem(identifier, member, String(url)) === undefined) return []
    const { origin } = new URL(String(url))
    return [
      {
        level: 'advice',
        what: `Its ${member} is at ${origin}, another origin: peers refuse it, since it could be anybody’s.`,
        mend: `Serve it at ${new URL(identifier).origin}, or have every peer name ${origin} in endpointOrigins.`,
      },
    ]
  })
}

/** Members that the library knows and leaves out have the wrong type. Members that it does not know may be anything. */
function ignoredMembers(seen: Observation | undefined, metadata: object): Finding[] {
  const known = Object.keys(documentMembers).filter(
    (member) => member in (parseJsonObject(seen?.text.trim() ?? '') ?? {}),
  )
  return known
    .filter((member) => !(member in metadata))
    .map((member) => ({
      level: 'advice',
      what: `Its ${member} is not of the right type and is left out.`,
      mend: `Make it ${documentMembers[member]}.`,
    }))
}

const documentMembers: Readonly<Record<string, string>> = {
  redirect_uris: 'a list of strings',
  scope_descriptions: 'an object of strings',
  supported_scopes: 'a list of strings',
}

function contentTypeFindings(seen: Observation | undefined): Finding[] {
  const type = seen?.headers.get('content-type') ?? 'nothing'
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return []
  return [{ level: 'advice', what: `Its Content-Type says ${type}.`, mend: 'Send application/json.' }]
}

function judge(documents: readonly DocumentReport[]): IdentifierReport['outcome'] {
  const outcomes: string[] = documents.flatMap(({ outcome, key_set }) =>
    key_set ? [outcome, key_set.outcome] : [outcome],
  )
  if (outcomes.includes('refused') || outcomes.every((outcome) => outcome === 'absent')) return 'refused'
  return outcomes.includes('unreachable') ? 'unreachable' : 'ok'
}

interface DocumentKind {
  /** Whose document it is. */
  party: 'agent' | 'resource' | 'issuer'
  type: DocumentType
  /** Members that peers send something to, or people. */
  endpoints: readonly string[]
  /** Members without which something does not work; why, and how to mend it. */
  advised: readonly { member: string; without: string; mend: string }[]
}

/** The documents that an identifier may have (S§8). */
export const documentKinds: readonly DocumentKind[] = [
  {
    party: 'agent',
    type: january.documents.agent,
    endpoints: [],
    advised: [
      {
        member: 'redirect_uris',
        without: 'It lists no redirect_uris, so no auth server can send a person back.',
        mend: 'List every redirect_uri that the agent uses, as the same strings.',
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
        without: 'It has no scope_descriptions, so people see only the names of scopes.',
        mend: 'Describe each scope in a few plain words.',
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
        without: 'It does not say that it sends iss (RFC 9207), so agents cannot tell whose answer they got.',
        mend: 'Send iss with every code and error, and say so in the document.',
      },
    ],
  },
]
