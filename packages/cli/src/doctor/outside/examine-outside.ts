import type { NetworkOptions } from 'countersign/wire'
import { errorReason } from '../../command/error-reason.js'
import { checking, type Finding } from '../finding.js'
import {
  checkAdmin,
  checkCaching,
  checkClock,
  checkHeaderSizes,
  checkLinks,
  checkPages,
  checkTargets,
} from './check-answers.js'
import { checkCertificate } from './check-certificate.js'
import { checkDocuments } from './check-documents.js'
import { checkRedirect } from './check-redirect.js'

export interface Outside {
  network: NetworkOptions
  /** Whether the machine that it runs on is looked at too. */
  isInside: boolean
  tell: (text: string) => void
}

/**
 * Looks at an auth server as its agents, resources and people reach it. Nothing is sent but GET requests. Whatever is
 * answered, it ends within half a minute: one request or handshake takes five seconds at most, and there are five in a row.
 */
export async function examineOutside(identifier: string, { network, isInside, tell }: Outside): Promise<Finding[]> {
  const issuer = new URL(identifier)
  const { finding, isTrusted } = await checkCertificate(issuer)
  if (!isTrusted) {
    const rest = checking('everything else')
    return [finding, rest.unknown('Nothing is believed that comes over such a connection.')]
  }
  const { findings, jwksUri } = await checkDocuments(identifier, network, tell)
  const begun = [finding, await checkRedirect(issuer), ...findings]
  if (jwksUri === undefined || new URL(jwksUri).origin !== issuer.origin) {
    const rest = checking('everything else')
    return [...begun, rest.unknown('It is about the server that has the keys at this origin, and none is here.')]
  }
  const jwksPath = new URL(jwksUri).pathname
  const checks: Readonly<Record<string, () => Promise<Finding | Finding[]>>> = {
    caching: () => checkCaching(issuer, jwksPath),
    pages: () => checkPages(issuer),
    links: () => checkLinks(issuer),
    paths: () => checkTargets(issuer, jwksPath),
    'header sizes': () => checkHeaderSizes(issuer, jwksPath),
    'admin port': () => checkAdmin(issuer),
    clock: () => checkClock(issuer),
  }
  const answered = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return await check()
      } catch (error) {
        return checking(name).problem(`It was not answered: ${errorReason(error)}.`, mendUnanswered)
      }
    }),
  )
  return [...begun, ...answered.flat(), ...(isInside ? [] : [clientAddress])]
}

const mendUnanswered =
  'Look into the logs of the proxy and of the server, and let the proxy answer whatever the server answers, whole and within a few seconds.'

const clientAddress = checking('client addresses').unknown(
  'Whose address the server counts cannot be seen from here.',
  'Run countersign doctor --config <file> on its machine, and look for proxy.not_trusted in its log.',
)
