import { createTrustedPeers } from 'countersign/node'
import { isLoopbackIdentifier } from 'countersign/wire'
import type { LoadedConfig } from 'countersign-server'
import { checking, type Finding } from '../finding.js'

const loopback = ['127.0.0.1', '::1', 'localhost']

/** Whether the server knows its proxy, and only its proxy can reach it. */
export function checkProxy({ settings }: LoadedConfig): Finding[] {
  const { issuer, listen, trustProxy } = settings
  const report = checking('proxy')
  if (isLoopbackIdentifier(issuer)) return [report.unknown('The issuer is http on this machine: no proxy is in front.')]
  const isLocal = loopback.includes(listen.host)
  const findings: Finding[] = []
  if (trustProxy.length === 0) {
    findings.push(
      report.problem(
        'trustProxy names nobody, so everybody behind the proxy is one address, and is limited together.',
        `Name the address that the proxy connects from${isLocal ? ', here "trustProxy": ["127.0.0.1"]' : ''}.`,
      ),
    )
  } else if (isLocal && !['127.0.0.1', '::1'].some(createTrustedPeers(trustProxy))) {
    findings.push(
      report.problem(
        `The server listens on ${listen.host}, and trustProxy (${trustProxy.join(', ')}) has no address of this machine.`,
        'Add the address that the proxy connects from, 127.0.0.1 or ::1.',
      ),
    )
  } else {
    const found = `X-Forwarded-For is believed from ${trustProxy.join(', ')} only.`
    findings.push(
      isLocal
        ? report.ok(found)
        : report.unknown(`${found} Whether the proxy connects from there cannot be seen here.`, mendUnseen),
    )
  }
  if (!isLocal) {
    findings.push(
      report.warning(
        `The server speaks plain http on ${listen.host}, port ${listen.port}, where others may reach it past the proxy.`,
        'Let a firewall pass only the proxy to that port.',
      ),
    )
  }
  return findings
}

const mendUnseen =
  'Look for proxy.not_trusted in the log of the server, which names the address of a proxy that is not among these.'

/** Whether others than this machine may reach the port that tells what happens. */
export function checkAdminPort({ settings: { admin } }: LoadedConfig): Finding[] {
  if (!admin || loopback.includes(admin.host)) return []
  return [
    checking('admin port').warning(
      `It listens on ${admin.host}, port ${admin.port}, and tells whoever reaches it what the server does.`,
      'Let a firewall pass only what watches the server to that port, or set admin.host to 127.0.0.1.',
    ),
  ]
}
