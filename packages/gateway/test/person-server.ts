import { draft11Jose } from 'countersign/editions/draft-11'
import { publishedJwk } from 'countersign/tokens'
import { requestWith, said, signers, tokenOf } from '../../countersign/test/editions/draft-11/resource-stage.js'
import { craftRequest, type WireMessage } from '../../countersign/test/editions/draft-11/wire.js'
import { listen } from '../../countersign/test/resource/events-resource.js'

/** Sends a message to a gateway, on its own connection. */
export async function send(port: number, { method, target, headers, body }: WireMessage): Promise<Response> {
  const fields = [...headers]
    .filter(([name]) => name !== 'host')
    .map(([name, value]): [string, string] => [name, value])
  fields.push(['connection', 'close'])
  return fetch(`http://127.0.0.1:${port}${target}`, { method, headers: fields, body: body === '' ? null : body })
}

/** An API that always responds. Returns its origin. */
export async function openUpstream(): Promise<string> {
  return `http://127.0.0.1:${await listen((_, outgoing) => void outgoing.end('done'))}`
}

/** A person server on this machine, and the requests with a token that it issued, and later revokes. */
export async function openPersonServer() {
  const personServer: string = `http://127.0.0.1:${await listen(({ url }, outgoing) => {
    const endpoint = `${personServer}/person`
    const endpoints = { person_token_endpoint: endpoint, auth_token_endpoint: endpoint }
    const document = { issuer: personServer, jwks_uri: `${personServer}/jwks.json`, ...endpoints }
    const keys = [publishedJwk(signers.personServer.jwk, draft11Jose)]
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify(url === '/jwks.json' ? { keys } : document))
  })}`
  const seconds = () => Math.floor(Date.now() / 1000)
  const iat = seconds()
  const exp = iat + 3000
  const jti = 'j1'
  return {
    personServer,
    /** Requests `/user` at a port with the token. Returns the problem or, if there is none, the status. */
    use: async (port: number) => {
      const token = await tokenOf('person', { iss: personServer, jti, iat, exp })
      const { problem, status } = said(
        await send(port, await requestWith(token, { target: '/user', created: seconds() })),
      )
      return problem ?? status
    },
    /** Revokes the token at a port. Returns the status. */
    revoke: async (port: number) => {
      const body = JSON.stringify({ jti, exp })
      const key = { scheme: 'jwks', id: personServer, wellKnown: 'aauth-person.json', kid: 'ps-1' } as const
      const also = ['content-type', 'content-digest']
      const parts = { key, method: 'POST', target: '/aauth/revoke', body, also, created: seconds() }
      return (await send(port, await craftRequest({ signer: signers.personServer, ...parts }))).status
    },
  }
}
