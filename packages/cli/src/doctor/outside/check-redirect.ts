import { errorReason } from '../../command/error-reason.js'
import { checking, type Finding } from '../finding.js'
import { ask, BrokenAnswer } from './origin.js'

/** What answers by plain HTTP, for people who type the name only. */
export async function checkRedirect(issuer: URL): Promise<Finding> {
  const report = checking('plain http')
  if (issuer.protocol === 'http:') return report.unknown('The issuer is http itself.')
  if (issuer.port !== '')
    return report.unknown(`The port is ${issuer.port}: which one would be for plain http is not known.`)
  const plain = new URL(`http://${issuer.hostname}`)
  try {
    const { status, headers } = await ask(plain, '/account')
    const location = headers.location ?? ''
    if ([301, 302, 307, 308].includes(status) && location.startsWith(`${issuer.origin}/`))
      return report.ok(`Port 80 sends people on to ${issuer.origin}.`)
    const seen = location === '' ? `Port 80 answers with ${status}.` : `Port 80 answers with ${status}, to ${location}.`
    return report.problem(seen, mend)
  } catch (error) {
    const why = errorReason(error)
    if (error instanceof BrokenAnswer) return report.problem(`Port 80 answers with something else (${why}).`, mend)
    return report.ok(`Nothing answers at port 80 (${why}).`)
  }
}

const mend =
  'Let it answer everything with 308 to the https URL, and nothing else: a password could be typed into a page that anybody on the way may change.'
