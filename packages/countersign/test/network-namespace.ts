import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { has, namespace } from '../../../test/needs.js'
import { certificateOf } from './discovery/tls-server.js'

/** Set for the inner process, to the folder with the certificate. */
const variable = 'COUNTERSIGN_TEST_NAMESPACE'
const inside = process.env[variable]
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))

/**
 * Runs the tests of a file in a separate network namespace with its own hosts file: no one else uses its addresses, and nothing in it can
 * reach the outside. The file runs itself again inside; outside there is one test, which reports the result. If namespaces are not
 * permitted, or every test inside needs a program that is missing, the test is skipped, and fails in CI.
 *
 * @param hosts addresses by name; one certificate, trusted by the processes inside, covers all the names
 */
export function inNetworkNamespace(file: string, hosts: Readonly<Record<string, string>>, tests: () => void): void {
  if (inside !== undefined) {
    tests()
    return
  }
  it.skipIf(!has('a network namespace', 'openssl'))(
    'in a separate network namespace',
    { timeout: 900_000 },
    ({ skip }) => {
      const folder = mkdtempSync(join(tmpdir(), 'countersign-namespace-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const { pem, privateKey } = certificateOf(...Object.keys(hosts))
      writeFileSync(join(folder, 'certificate.pem'), pem)
      writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
      const lines = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(
        ([name, address]) => `${address} ${name}\n`,
      )
      writeFileSync(join(folder, 'hosts'), lines.join(''))
      const addresses = [...new Set(Object.values(hosts))].map((address) => `ip addr add ${address}/32 dev lo`)
      const steps = ['ip link set lo up', ...addresses, 'mount --bind "$1/hosts" /etc/hosts', 'shift', 'exec "$@"']
      const report = join(folder, 'report.json')
      const run = [process.execPath, vitest, 'run', '--project', 'node', '--reporter', 'json', '--outputFile', report]
      const { status, stderr } = spawnSync(
        'unshare',
        [...namespace, 'sh', '-ec', steps.join('; '), 'sh', folder, ...run, fileURLToPath(file)],
        {
          encoding: 'utf8',
          env: { ...process.env, [variable]: folder, NODE_EXTRA_CA_CERTS: join(folder, 'certificate.pem') },
        },
      )
      const all = outcomesIn(report)
      const outcomes = process.env.CI ? all : all.filter(({ isSkipped }) => !isSkipped)
      if (status === 0 && all.length > 0 && outcomes.length === 0) skip('every test inside needs a missing program')
      expect({ status, outcomes, stderr: status === 0 ? '' : stderr }).toEqual({
        status: 0,
        outcomes: outcomes.map((outcome) => ({ ...outcome, failures: [] })),
        stderr: '',
      })
      expect(outcomes.length).toBeGreaterThan(0)
    },
  )
}

/** An HTTPS server inside. */
export interface InsideServer {
  /** `host path` of each request, in order. */
  asked: string[]
  /** Connections that were opened. */
  connections: () => number
}

/** The certificate for all names inside, and its key, as files for programs that read them. */
export function certificateFiles(): { certificate: string; key: string } {
  return { certificate: join(inside ?? '', 'certificate.pem'), key: join(inside ?? '', 'key.pem') }
}

/** Starts an HTTPS server at an address inside, until the test ends. */
export async function startInside(address: string, listener: RequestListener, port = 443): Promise<InsideServer> {
  const { certificate, key } = certificateFiles()
  const asked: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    listener(request, response)
  })
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { asked, connections: () => connections }
}

interface Outcome {
  name: string
  isSkipped: boolean
  failures: string[]
}

function outcomesIn(report: string): Outcome[] {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: {
      message: string
      assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
    }[]
  }
  return testResults.flatMap(({ message, assertionResults }) => [
    ...(message === '' ? [] : [{ name: 'the file', isSkipped: false, failures: [message] }]),
    ...assertionResults.map(({ fullName, status, failureMessages }) => ({
      name: fullName,
      isSkipped: status === 'skipped',
      failures: status === 'passed' || failureMessages.length > 0 ? failureMessages : [status],
    })),
  ])
}
