import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'

const {
  ID = 'https://api.example', // `id` of the gateway
  UPSTREAM = 'http://10.0.0.5:3000', // its `upstream`: this program
  HOST = '10.0.0.5',
  PORT = '3000',
} = process.env

const keys = createLocalJWKSet(JSON.parse(readFileSync('jwks.json', 'utf8'))) // countersign agent keys show api-key.json > jwks.json

/** Returns the claims of an assertion for exactly this request. Throws an error of jose for anything else. */
async function verifiedClaims(assertion = '', method = '', target = ''): Promise<JWTPayload> {
  const { payload } = await jwtVerify(assertion, keys, {
    algorithms: ['EdDSA'],
    typ: 'gateway-assertion+jwt',
    issuer: ID,
    audience: UPSTREAM,
    requiredClaims: ['exp', 'method', 'target'],
  })
  if (payload.method !== method || payload.target !== target)
    throw new errors.JWTClaimValidationFailed('for another request', payload)
  return payload
}

const server = createServer((req, res) => {
  verifiedClaims(req.headers['x-aauth-assertion']?.toString(), req.method, req.url).then(
    ({ agent, level }) => res.end(`${String(agent)} at level ${String(level)}.\n`),
    () => res.writeHead(401).end(),
  )
})
server.listen(Number(PORT), HOST)
