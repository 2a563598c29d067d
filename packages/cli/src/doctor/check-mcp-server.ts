import { isLoopbackIdentifier } from 'countersign/discovery'
import { errorReason } from '../command/errors.js'
import { checkCertificate } from './check-certificate.js'
import { checkOAuthServer } from './check-oauth-server.js'
import { checking, type Finding } from './finding.js'
import { type Answer, ask, type OtherRequest } from './origin.js'
import { checkOrigins, checkUnusedUrl, readDocument } from './published-document.js'

const wellKnown = '/.well-known/oauth-protected-resource'

/**
 * Checks an MCP server and its auth server the way that MCP clients which use OAuth read them. Sends no token, and changes nothing. Always
 * finishes within half a minute: a request takes up to five seconds, and at most five of them run one after another.
 *
 * @param typed the URL, exactly as users type it
 */
export async function examineMcpServer(typed: string): Promise<Finding[]> {
  const endpoint = new URL(typed)
  const { finding, isTrusted } = await checkCertificate(endpoint)
  if (!isTrusted) {
    const rest = checking('everything else')
    return [finding, rest.unknown('Nothing received over an untrusted connection can be relied on.')]
  }
  const { findings: challenged, metadataUrl, isReached } = await checkChallenges(endpoint)
  if (!isReached) {
    const rest = checking('everything else')
    return [finding, ...challenged, rest.unknown('The remaining checks need a server that responds.')]
  }
  const { findings, usual, issuer } = await checkMetadata(typed, metadataUrl)
  if (issuer === undefined) return [finding, ...challenged, ...findings]
  const [origins, ofAuthServer] = await Promise.all([checkOrigins('metadata CORS', usual), checkOAuthServer(issuer)])
  return [finding, ...challenged, ...findings, origins, ...ofAuthServer]
}

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'countersign doctor', version: '1' } },
}

/** The first requests of clients: each client starts with one of these methods. */
const firstRequests: readonly (OtherRequest & { method: string })[] = [
  {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(initialize),
  },
  ...['GET', 'HEAD', 'DELETE'].map((method) => ({ method, headers: { accept: 'text/event-stream' } })),
]

/** Checks that each method gets the challenge. Returns the URL of the metadata in it. */
async function checkChallenges(
  endpoint: URL,
): Promise<{ findings: Finding[]; metadataUrl: string | undefined; isReached: boolean }> {
  const report = checking('challenge')
  const judged = await Promise.all(
    firstRequests.map(async (request) => ({ method: request.method, outcome: await judgeRequest(request, endpoint) })),
  )
  // Methods with the same problem share a finding.
  const problems = new Map<string, { methods: string[]; fix: string }>()
  for (const { method, outcome } of judged) {
    if ('metadataUrl' in outcome) continue
    const { found, fix } = outcome
    problems.set(found, { methods: [...(problems.get(found)?.methods ?? []), method], fix })
  }
  const findings = [...problems].map(([found, { methods, fix }]) =>
    report.problem(`The response to ${methods.join(', ')} without a token ${found}.`, fix),
  )
  const urls = judged.flatMap(({ outcome }) => ('metadataUrl' in outcome ? [outcome.metadataUrl] : []))
  const names = judged.map(({ method }) => method).join(', ')
  const fine = report.ok(`${names} without a token get 401 and a Bearer challenge.`)
  const isReached = judged.some(({ outcome }) => !('isMissing' in outcome))
  return { findings: findings.length > 0 ? findings : [fine], metadataUrl: urls[0], isReached }
}

/** The URL of the metadata, or what is wrong, as the predicate of a sentence about the response. */
type ChallengeOutcome = { metadataUrl: string } | { found: string; fix: string; isMissing?: true }

async function judgeRequest(request: OtherRequest, endpoint: URL): Promise<ChallengeOutcome> {
  try {
    return judgeChallenge(await ask(endpoint, endpoint.pathname + endpoint.search, request), endpoint)
  } catch (error) {
    const fix = 'Check that the server is running, and the logs of the proxy and of the server.'
    return { found: `is missing or invalid (${errorReason(error)})`, fix, isMissing: true }
  }
}

const switchOn =
  "Set accept: ['aauth', 'oauth'] in protectMcp, or in the gateway's entry for the server. Pass requests of every method on, and configure the proxy not to answer any of them itself."

function judgeChallenge({ status, headers }: Answer, endpoint: URL): ChallengeOutcome {
  const { location, 'www-authenticate': challenge } = headers
  if (status >= 300 && status < 400 && location !== undefined)
    return {
      found: `is ${status} with a redirect to ${location}`,
      fix: 'Give users the URL to which the redirect leads, or serve MCP at this one: clients lose the challenge in a redirect.',
    }
  if (status !== 401) return { found: `is ${status} instead of 401`, fix: switchOn }
  if (challenge === undefined)
    return {
      found: 'has no WWW-Authenticate',
      fix: `${switchOn} The proxy must also pass on WWW-Authenticate.`,
    }
  if (!challenge.startsWith('Bearer '))
    return {
      found: `has a WWW-Authenticate that starts with "${challenge.split(' ', 1)[0]}" instead of "Bearer"`,
      fix: 'Send the Bearer challenge first, and other schemes after it, in the same header: many clients read only the first.',
    }
  const [, metadataUrl] = /\bresource_metadata="([^"]*)"/.exec(challenge) ?? []
  if (metadataUrl === undefined)
    return {
      found: 'has a Bearer challenge without resource_metadata="…"',
      fix: 'Add resource_metadata with the absolute URL of the metadata, in quotes, as protectMcp does.',
    }
  if (!URL.canParse(metadataUrl) || new URL(metadataUrl).origin !== endpoint.origin)
    return {
      found: `has resource_metadata="${metadataUrl}", which is not an absolute URL at ${endpoint.origin}`,
      fix: `Give users the URL at the origin that is the id of the API. If that id is wrong, set it to ${endpoint.origin}: clients refuse metadata from another origin.`,
    }
  return { metadataUrl }
}

/**
 * Checks the metadata at the URL in the challenge and where clients look without it. Returns that second URL, and the auth server in the
 * metadata; undefined if the auth server must not be contacted.
 */
async function checkMetadata(
  typed: string,
  challenged: string | undefined,
): Promise<{ findings: Finding[]; usual: string; issuer: string | undefined }> {
  const { origin, pathname, search } = new URL(typed)
  const usual = `${origin}${wellKnown}${pathname === '/' ? '' : pathname}${search}`
  const urls = [...new Set([challenged ?? usual, usual])]
  const fix = `Serve it with resource.handler, mcp.around or the gateway, and configure the proxy to forward ${new URL(usual).pathname} to it.`
  const [read, root] = await Promise.all([
    Promise.all(urls.map(async (url) => readDocument('metadata', url, fix))),
    pathname === '/' ? [] : checkUnusedUrl('other metadata', origin + wellKnown).then((unused) => [unused]),
  ])
  const findings = read.flatMap((each) => each.findings)
  const [first] = read.flatMap(({ document }) => (document ? [document] : []))
  if (!first) return { findings: [...findings, ...root], usual, issuer: undefined }
  findings.push(...judgeMetadata(first, typed), ...root)
  const { authorization_servers: servers } = first
  const issuer: unknown = Array.isArray(servers) ? servers[0] : undefined
  return { findings, usual, issuer: typeof issuer === 'string' && mayBeContacted(issuer, origin) ? issuer : undefined }
}

function judgeMetadata(metadata: Readonly<Record<string, unknown>>, typed: string): Finding[] {
  const report = checking('metadata')
  const { resource, authorization_servers: servers, scopes_supported: scopes } = metadata
  const findings: Finding[] = []
  if (resource !== typed)
    findings.push(
      report.problem(
        `Its resource is ${shown(resource)}, but you typed ${typed}. Some clients compare them byte by byte.`,
        'Give users exactly the URL in resource. If it is wrong, correct the id of the API, and the path in protectMcp or in the gateway.',
      ),
    )
  const [issuer, another] = Array.isArray(servers) ? (servers as unknown[]) : []
  if (typeof issuer !== 'string' || !mayBeContacted(issuer, typed))
    findings.push(
      report.problem(
        `Its authorization_servers are ${shown(servers)}, and the first of them is not an https URL.`,
        'Set authServer to the issuer of the auth server.',
      ),
    )
  else if (another !== undefined)
    findings.push(
      report.warning(
        'Its authorization_servers contain several servers, but most clients use only the first.',
        `Name only the auth server that issues the tokens, such as ${issuer}.`,
      ),
    )
  if (!Array.isArray(scopes) || scopes.length === 0)
    findings.push(
      report.warning(
        'It has no scopes_supported, so clients do not know what to request.',
        'List the scopes of a first request: protectMcp lists those in its table, or those in initialScope.',
      ),
    )
  else if (scopes.includes('offline_access'))
    findings.push(
      report.warning(
        'Its scopes_supported contain offline_access, which is not a scope of this server.',
        'Remove it: clients would request it, and users would be asked for nothing in particular.',
      ),
    )
  return findings.length > 0 ? findings : [report.ok(`It names ${typed} and the auth server ${issuer as string}.`)]
}

/** Whether the auth server that metadata names may be contacted: on this machine, only if the MCP server is here, too. */
function mayBeContacted(issuer: string, mcpServer: string): boolean {
  if (!URL.canParse(issuer)) return false
  const { protocol, origin } = new URL(issuer)
  return protocol === 'https:' || (isLoopbackIdentifier(origin) && isLoopbackIdentifier(new URL(mcpServer).origin))
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value).slice(0, 200) ?? '')
}
