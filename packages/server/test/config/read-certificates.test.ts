import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { ConfigurationError } from 'countersign/node'
import { loadConfig, readCertificates, requireSafeStart } from 'countersign-server'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { needInFile } from '../../../../test/needs.js'
import { type Issued, issueCertificate as issue } from '../../../countersign/test/x509/certificates.js'
import { configurationFolder } from './configuration-folder.js'

needInFile('openssl')
let root: Issued
let agent: Issued

beforeAll(() => {
  root = issue({ name: 'Root', extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'] })
  agent = issue({
    name: 'Agent',
    issuer: root,
    extensions: ['keyUsage=critical,digitalSignature', 'subjectAltName=DNS:agent.example'],
  })
})

const development = { issuer: 'http://127.0.0.1:8003', allowInsecureLoopback: true, database: 'auth.db' }

async function read(roots: readonly string[] | undefined, files: Record<string, string>, mode = 0o644, discovery = {}) {
  const folder = configurationFolder()
  for (const [name, text] of Object.entries(files)) folder.write(name, text, mode)
  const certificates = roots && { certificateRoots: roots }
  const config = await loadConfig(
    folder.write('countersign.config.json', { ...development, ...certificates, discovery }),
    {},
  )
  await requireSafeStart(config, {})
  return { finder: await readCertificates(config), folder, config }
}

async function problemsOf(roots: readonly string[], files: Record<string, string>, mode?: number) {
  const error = await read(roots, files, mode).catch((thrown: unknown) => thrown)
  if (!(error instanceof ConfigurationError)) throw new Error('the configuration was accepted')
  return error.problems
}

/** A server that a certificate is fetched from. */
async function servingUrl(text: string): Promise<string> {
  const server = createServer((_request, response) => response.end(text))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/chain.pem`
}

describe('certificateRoots', () => {
  it('accepts agents with certificates under the roots in its files, relative to the configuration', async () => {
    const other = issue({ name: 'Other', extensions: ['basicConstraints=critical,CA:TRUE'] })
    const { finder, config, folder } = await read(['other.pem', 'root.pem'], {
      'other.pem': other.pem,
      'root.pem': root.pem,
    })
    expect(config.settings.certificateRoots).toEqual(['other.pem', 'root.pem'].map((name) => join(folder.path, name)))
    const found = await finder?.({ x5u: await servingUrl(agent.pem), x5t: agent.thumbprint })
    expect(found).toMatchObject({ found: { agent: 'https://agent.example' } })
    const stranger = await read(['other.pem'], { 'other.pem': other.pem })
    const refused = await stranger.finder?.({ x5u: await servingUrl(agent.pem), x5t: agent.thumbprint })
    expect(refused).toMatchObject({ failure: { reason: 'refused' } })
  })

  it('K25: limits certificate fetches per network as configured', async () => {
    const files = { 'root.pem': root.pem }
    const { finder } = await read(['root.pem'], files, 0o644, { fetchesPerSource: 1 })
    const x5u = await servingUrl(agent.pem)
    expect(await finder?.({ x5u, x5t: agent.thumbprint }, '192.0.2.1')).toMatchObject({ found: {} })
    const another = { x5u, x5t: root.thumbprint }
    expect(await finder?.(another, '192.0.2.1')).toMatchObject({ failure: { reason: 'busy' } })
    expect(await finder?.(another, '192.0.3.1')).toMatchObject({ failure: { reason: 'refused' } })
  })

  it('does nothing if it is not set', async () => {
    expect((await read(undefined, {})).finder).toBeUndefined()
  })

  it('names each file that is missing or has other content', async () => {
    const problems = await problemsOf(['root.pem', 'gone.pem', 'text.pem'], {
      'root.pem': root.pem,
      'text.pem': 'text',
    })
    expect(problems).toMatchObject([
      { setting: 'certificateRoots[1]', problem: expect.stringContaining('names a file that does not exist:') },
      { setting: 'certificateRoots[2]', problem: expect.stringContaining('contains no PEM certificates') },
    ])
  })

  it('refuses a world-writable file', async () => {
    expect(await problemsOf(['root.pem'], { 'root.pem': root.pem }, 0o666)).toMatchObject([
      { setting: 'certificateRoots[0]', problem: expect.stringContaining('chmod o-w') },
    ])
  })

  it('reports an empty list of files as such', async () => {
    expect(await problemsOf([], {})).toMatchObject([{ setting: 'certificateRoots' }])
  })
})
