import { canonicalResource } from '../../policy/resource-id.js'

/**
 * Who an authorization request says it comes from, and for which resource, for the sign-in page. Nothing about it is verified, so only the
 * origin of the client counts. Undefined if the request names no client that has an origin, or no resource.
 */
export function askerOf({ searchParams }: URL): { agent: string; resource: string } | undefined {
  const [client, ...otherClients] = searchParams.getAll('client_id')
  const [named, ...otherResources] = searchParams.getAll('resource')
  if (client === undefined || named === undefined || otherClients.length + otherResources.length > 0) return undefined
  const [agent, resource] = [originOf(client), canonicalResource(named)]
  return agent === undefined || resource === undefined ? undefined : { agent, resource }
}

function originOf(text: string): string | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const { origin, username, password } = new URL(text)
  return username === '' && password === '' ? origin : undefined
}
