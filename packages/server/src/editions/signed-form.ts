import { type MaybePromise, readForm } from 'countersign/wire'
import type { ServerContext } from '../http/context.js'
import { type Answer, type ProgramRequest, type SigningAgent, signedRequest } from './signed-request.js'

/**
 * Judges what a verified agent asks for with a form, changing nothing but what limits count. What it returns then does it,
 * and gives the JSON body of the answer.
 */
export type FormEndpoint = (
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
) => MaybePromise<Answer<object>>

/** A signed form in, JSON out, at whichever endpoint agents call (S§9.3–9.7, 10). */
export function signedForm(context: ServerContext, signed: ProgramRequest, judge: FormEndpoint): Promise<Response> {
  return signedRequest(context, signed, async (agent, { body }) => {
    const form = readForm(signed.request.headers.get('content-type'), body)
    const answer = await judge(context, agent, form)
    if (typeof answer === 'function') return async () => jsonResponse(await answer())
    return { claiming: async (nonce) => jsonResponse(await answer.claiming(nonce)) }
  })
}

function jsonResponse(body: object): Response {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return new Response(JSON.stringify(body), { headers })
}
