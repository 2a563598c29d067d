import { draft11Jose } from 'countersign/editions/draft-11'
import { publishedJwk } from 'countersign/tokens'
import { onTestFinished } from 'vitest'
import type { Party } from '../attacks/party.js'
import type { Stage } from '../attacks/stage.js'
import type { TestEnd } from '../operators/operator-stage.js'
import { createScriptedUser, type ScriptedUser } from '../scripted-user.js'
import { scopes } from '../world.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'

/** Publishes a party's documents for draft -11. */
function handlerOf({ id, signer }: Party): Party['handler'] {
  const common = { issuer: id, jwks_uri: `${id}/keys.json` }
  const documents: Readonly<Record<string, object>> = {
    '/.well-known/aauth-agent.json': { ...common, name: 'Test Agents' },
    '/.well-known/aauth-resource.json': { ...common, scope_descriptions: scopes },
    '/keys.json': { keys: [publishedJwk(signer.jwk, draft11Jose)] },
  }
  return async ({ url }) => {
    const document = documents[new URL(url).pathname]
    return document ? Response.json(document) : new Response(null, { status: 404 })
  }
}

/** A stage whose servers offer draft -11, and the agent that asks them. */
export async function openPersonFaults(
  options: Parameters<typeof openFaultStage>[0] = {},
  test: TestEnd = { onTestFinished },
): Promise<FaultStage & { by: { sub: string } }> {
  const settings = { draft11: { openRequests: 10_000, resourcesPerDay: 10_000 }, ...options.settings }
  const stage = await openFaultStage({ isPatient: true, ...options, settings, handlerOf }, test)
  return { ...stage, by: { sub: `aauth:bot@${new URL(stage.agent.id).host}` } }
}

/** The same stage, whose requests all reach one instance. */
export function at<S extends FaultStage>(stage: S, index: number): S {
  return { ...stage, fetch: stage.fetchAt(stage.instances[index]?.origin ?? '') }
}

/** The same browser, whose requests reach another instance. */
export function seenFrom({ fetch }: Stage, user: ScriptedUser): ScriptedUser {
  const same = createScriptedUser(fetch)
  for (const [name, value] of user.cookies) same.cookies.set(name, value)
  return same
}
