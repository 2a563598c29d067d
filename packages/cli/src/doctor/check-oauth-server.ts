import { checking, type Finding } from './finding.js'
import { checkOrigins, checkUnusedUrl, readDocument } from './published-document.js'

/** Checks the metadata of an auth server (RFC 8414) the way that MCP clients read it. @param issuer as in the MCP server's metadata */
export async function checkOAuthServer(issuer: string): Promise<Finding[]> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname === '/' ? '' : pathname
  const url = `${origin}/.well-known/oauth-authorization-server${path}`
  const fix = `Set "oauth": true in the auth server's configuration, and configure the proxy to forward ${new URL(url).pathname}.`
  const [{ findings, document, isUnreachable }, unused] = await Promise.all([
    readDocument('auth server', url, fix),
    checkUnusedUrl('OpenID document', `${origin}/.well-known/openid-configuration${path}`),
  ])
  if (isUnreachable) return findings
  if (!document) return [...findings, unused]
  return [
    ...findings,
    ...judgeServer(document, issuer),
    ...judgeEndpoints(document, origin),
    unused,
    await checkOrigins('auth server CORS', url),
  ]
}

type Metadata = Readonly<Record<string, unknown>>

function judgeServer(metadata: Metadata, issuer: string): Finding[] {
  const report = checking('auth server')
  const includes = (member: string, value: string) => {
    const values = metadata[member]
    return Array.isArray(values) && values.includes(value)
  }
  const findings: Finding[] = []
  if (metadata.issuer !== issuer)
    findings.push(
      report.problem(
        `Its issuer is ${JSON.stringify(metadata.issuer) ?? 'missing'}, but the MCP server names ${issuer}.`,
        'Set authServer to exactly the issuer of the auth server: clients compare them byte by byte.',
      ),
    )
  if (!includes('response_types_supported', 'code'))
    findings.push(
      report.problem(
        'Its response_types_supported do not contain code.',
        'Use an auth server that supports the authorization code flow, as Countersign does.',
      ),
    )
  if (!includes('code_challenge_methods_supported', 'S256'))
    findings.push(
      report.problem(
        'Its code_challenge_methods_supported do not contain S256, so clients must refuse the server.',
        'Use an auth server that supports PKCE with S256, as Countersign does.',
      ),
    )
  if (metadata.client_id_metadata_document_supported !== true)
    findings.push(
      report.problem(
        'Its client_id_metadata_document_supported is not true, so Claude, ChatGPT and VS Code cannot identify themselves.',
        'Use an auth server that reads client documents, as Countersign does.',
      ),
    )
  if (!includes('token_endpoint_auth_methods_supported', 'none'))
    findings.push(
      report.warning(
        'Its token_endpoint_auth_methods_supported do not contain none, so clients without a key cannot connect.',
        'Use an auth server that supports public clients, as Countersign does.',
      ),
    )
  if (findings.length > 0) return findings
  const who =
    metadata.registration_endpoint === undefined
      ? 'clients with a metadata document need. Others need oauth.registration, or an entry in oauth.clients'
      : 'MCP clients need: PKCE, client documents and registration'
  return [report.ok(`${issuer} has what ${who}.`)]
}

/** The endpoints in the metadata, and whether each must be there. */
const endpoints = {
  authorization_endpoint: true,
  token_endpoint: true,
  registration_endpoint: false,
  revocation_endpoint: false,
  jwks_uri: false,
} as const

function judgeEndpoints(metadata: Metadata, origin: string): Finding[] {
  const report = checking('endpoints')
  const wrong = Object.entries(endpoints).flatMap(([name, isRequired]) => {
    const value = metadata[name]
    if (value === undefined) return isRequired ? [`${name} is missing`] : []
    const isHere = typeof value === 'string' && URL.canParse(value) && new URL(value).origin === origin
    return isHere ? [] : [`${name} is ${JSON.stringify(value)}`]
  })
  if (wrong.length === 0) return [report.ok(`All of them are at ${origin}.`)]
  return [
    report.problem(
      `Some are not at ${origin}: ${wrong.join('; ')}.`,
      'Serve all endpoints at the issuer’s origin, and configure the proxy not to change URLs in documents.',
    ),
  ]
}
