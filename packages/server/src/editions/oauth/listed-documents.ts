import type { IdentifierOptions } from 'countersign/discovery'
import { ConfigurationError, type ConfigurationProblem } from 'countersign/node'
import type { OAuthSettings } from '../../config/oauth-settings.js'
import { canonicalResource, sameResource } from '../../lib/resource-id.js'
import { type Client, isClientUrl, readClientDocument, readClientMetadata } from './client-document.js'
import { type OAuthResource, readListedResource } from './find-resource.js'
import { isClientName, selfRegisteredPrefix } from './names.js'
import { OAuthProblem } from './oauth-problem.js'
import { isUsableRedirect } from './redirects.js'

/** The operator's documents, as they are read. */
export interface ListedDocuments {
  clients: readonly Client[]
  resources: readonly OAuthResource[]
}

/** Reads the operator's documents. Every problem is listed, under the setting's name within the edition's settings. */
export function readListedDocuments(
  settings: OAuthSettings,
  identifiers: IdentifierOptions,
): ListedDocuments & { problems: readonly ConfigurationProblem[] } {
  const problems: ConfigurationProblem[] = []
  const clients = readEach(settings.clients, 'clients', problems, (document) => readClient(document, identifiers))
  const resources = readEach(settings.resources, 'resources', problems, readResource)
  problems.push(
    ...repeated(clients, 'clients', ({ id }) => id),
    ...repeated(resources, 'resources', ({ id }) => canonicalResource(id)),
    ...resourceProblems(settings, resources),
    ...registrationProblems(settings),
  )
  return { clients: clients.map(({ value }) => value), resources: resources.map(({ value }) => value), problems }
}

/**
 * Requires the `oauth` setting of a configuration to contain only documents that can be used.
 *
 * @throws ConfigurationError naming each problem
 */
export async function requireUsableOAuth({
  file,
  settings: { oauth = {}, allowInsecureLoopback, allowPath },
}: {
  file: string
  settings: { oauth?: OAuthSettings | undefined } & IdentifierOptions
}): Promise<void> {
  const { problems } = readListedDocuments(oauth, { allowInsecureLoopback, allowPath })
  const named = problems.map(({ setting, problem }) => ({ setting: `oauth.${setting}`, problem }))
  if (named.length > 0) throw new ConfigurationError(file, named)
}

interface Entry<T> {
  value: T
  at: number
}

function readEach<T>(
  documents: readonly object[] = [],
  setting: string,
  problems: ConfigurationProblem[],
  read: (document: object) => { value: T } | { problem: string },
): Entry<T>[] {
  return documents.flatMap((document, at) => {
    const outcome = read(document)
    if ('value' in outcome) return { ...outcome, at }
    problems.push({ setting: `${setting}[${at}]`, problem: outcome.problem })
    return []
  })
}

function readClient(document: object, identifiers: IdentifierOptions): { value: Client } | { problem: string } {
  const { client_id: id } = document as { client_id?: unknown }
  const read = isClientUrl(id, identifiers)
    ? readClientDocument(id, document, identifiers)
    : isOperatorsName(id) && readClientMetadata(id, document, identifiers, 'operator')
  if (!read) return { problem: notAnId }
  return 'client' in read
    ? { value: { ...read.client, registeredBy: 'operator' } }
    : { problem: `cannot be used: ${read.problem}` }
}

/** Whether an operator may give this id to a client. */
function isOperatorsName(id: unknown): id is string {
  return isClientName(id) && !id.startsWith(selfRegisteredPrefix)
}

const notAnId = `must contain a client_id: the https URL of its document, or a name of 1 to 64 letters, digits, hyphens and underscores that does not begin with ${selfRegisteredPrefix}`

function readResource(document: object): { value: OAuthResource } | { problem: string } {
  try {
    return { value: readListedResource(document) }
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error
    return { problem: `cannot be used: ${error.message}` }
  }
}

function repeated<T>(
  entries: readonly Entry<T>[],
  setting: string,
  idOf: (value: T) => string | undefined,
): ConfigurationProblem[] {
  const seen = new Map<string | undefined, number>()
  return entries.flatMap(({ value, at }) => {
    const first = seen.get(idOf(value))
    if (first !== undefined)
      return {
        setting: `${setting}[${at}]`,
        problem: `describes the same one as ${setting}[${first}]: remove one of them`,
      }
    seen.set(idOf(value), at)
    return []
  })
}

function resourceProblems(
  { onlyResources, defaultResource }: OAuthSettings,
  listed: readonly Entry<OAuthResource>[],
): ConfigurationProblem[] {
  const notOne = 'must be the URL of a resource, exactly as in its metadata, such as https://notes.example/mcp'
  const problems = (onlyResources ?? []).flatMap((resource, at) =>
    canonicalResource(resource) === undefined ? { setting: `onlyResources[${at}]`, problem: notOne } : [],
  )
  if (defaultResource === undefined) return problems
  const usable = onlyResources && [...onlyResources, ...listed.map(({ value }) => value.id)]
  if (canonicalResource(defaultResource) === undefined) problems.push({ setting: 'defaultResource', problem: notOne })
  else if (usable?.some((each) => sameResource(each, defaultResource)) === false)
    problems.push({ setting: 'defaultResource', problem: 'must also be in onlyResources or resources' })
  return problems
}

function registrationProblems({ registration }: OAuthSettings): ConfigurationProblem[] {
  const { redirectUris = [] } = typeof registration === 'object' ? registration : {}
  const problem =
    'must be an https URL in the form that browsers show, such as https://www.cursor.com/agents/mcp/oauth/callback'
  return redirectUris.flatMap((uri, at) =>
    uri.startsWith('https:') && isUsableRedirect(uri) ? [] : { setting: `registration.redirectUris[${at}]`, problem },
  )
}
