import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { decodeToken, issueToken, requestCode } from 'countersign/tokens'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const claims = { iss: 'https://agent.example', sub: 'laptop-7', cnf: { jwk: signer.jwk } }
const issue = async (times: { exp: number; iat?: number; jti?: string }, now?: () => number) =>
  decodeToken(await issueToken(january.tokens.agent, { ...claims, ...times }, { signer, ...(now ? { now } : {}) }))
    ?.payload

it.each([0, 0.001, 0.5, 0.999])('drops a fraction of %d s in the clock or in exp', async (fraction) => {
  expect(await issue({ exp: 1_800_000_600 + fraction }, () => 1_800_000_000 + fraction)).toMatchObject({
    iat: 1_800_000_000,
    exp: 1_800_000_600,
  })
  expect(await issue({ exp: 2, iat: 1 + fraction })).toMatchObject({ iat: 1 })
})

it('adds iat and jti if they are missing', async () => {
  const before = Math.floor(Date.now() / 1000)
  const [first, second] = [await issue({ exp: 1 }), await issue({ exp: 1 })]
  expect(first?.iat).toBeGreaterThanOrEqual(before)
  expect(first?.iat).toBeLessThanOrEqual(Date.now() / 1000)
  expect(first?.jti).toMatch(/^[\w-]{22}$/)
  expect(second?.jti).not.toBe(first?.jti)
  expect(await issue({ exp: 1, iat: 7, jti: 'mine' })).toMatchObject({ iat: 7, jti: 'mine' })
})

/** The built library as programs without Node's modules load it. */
async function loadForWeb(): Promise<{ requestCode: typeof requestCode }> {
  const { outputFiles } = await build({
    stdin: { contents: "export { requestCode } from 'countersign/tokens'", resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  })
  const [{ contents } = { contents: new Uint8Array() }] = outputFiles
  return import(`data:text/javascript;base64,${Buffer.from(contents).toString('base64')}`) as never
}

// Agents and auth servers compute it independently, and users compare the results. The hashes begin with e3b0c and ba781.
it.each([
  ['', 'WERC'],
  ['abc', 'Q9W1'],
])('the code of the request token %j is %s, in Node and on the web', async (token, code) => {
  const { requestCode: ofWeb } = await loadForWeb()
  expect([await requestCode(token), await ofWeb(token)]).toEqual([code, code])
})
