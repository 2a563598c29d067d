import { errorReason } from '../command/errors.js'
import { checking, type Finding } from './finding.js'
import { type Handshake, tlsHandshake } from './origin.js'

const day = 86_400_000
/** The remaining validity, in days, at which a certificate should already have been renewed. */
const renewedBefore = 21

/** Checks the certificate and its chain. Over an untrusted connection, no other check would be meaningful. */
export async function checkCertificate(issuer: URL): Promise<{ finding: Finding; isTrusted: boolean }> {
  const report = checking('certificate')
  if (issuer.protocol === 'http:') {
    const found = 'The URL uses http on this machine, so there is no TLS to check.'
    return {
      finding: report.unknown(found, 'This is a development setup. Pass the https URL of a deployment instead.'),
      isTrusted: true,
    }
  }
  try {
    const handshake = await tlsHandshake(issuer)
    const finding = judge(handshake, issuer.hostname)
    return { finding, isTrusted: handshake.refusal === undefined }
  } catch (error) {
    const why = errorReason(error)
    const fix = 'Check that the proxy is running, and check the host name in DNS, the port, and the firewall.'
    return { finding: report.problem(`TLS connection failed: ${why}.`, fix), isTrusted: false }
  }
}

function judge({ certificate, refusal, version, http2 }: Handshake, host: string): Finding {
  const report = checking('certificate')
  const until = new Date(certificate.valid_to)
  const days = Math.floor((until.getTime() - Date.now()) / day)
  const end = until.toISOString().slice(0, 10)
  if (refusal !== undefined) {
    const { found, fix } = explain(refusal, { end, names: certificate.subjectaltname ?? 'no name', host })
    return report.problem(found, fix)
  }
  const seen = `Valid until ${end}, for ${days} more days; trusted by this machine. ${version}, ${http2 ? 'HTTP/2' : 'no HTTP/2'}.`
  if (days >= renewedBefore) return report.ok(seen)
  return report.warning(
    seen,
    `Renew the certificate, and find out why it was not renewed automatically ${renewedBefore} days before it expires.`,
  )
}

function explain(
  code: string,
  { end, names, host }: { end: string; names: string; host: string },
): { found: string; fix: string } {
  if (code === 'CERT_HAS_EXPIRED') return { found: `It expired on ${end}.`, fix: 'Renew it, and reload the proxy.' }
  if (code === 'CERT_NOT_YET_VALID')
    return {
      found: 'It is not valid yet.',
      fix: 'Check the clock of this machine, and the clock of the machine that issued the certificate.',
    }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      found: `It is valid for ${names}, not for ${host}.`,
      fix: `Get a certificate for ${host}, or check server_name in the proxy.`,
    }
  return {
    found: `This machine does not trust it (${code}).`,
    fix: 'Serve the whole chain: the certificate and all intermediate certificates in one file (fullchain.pem). If the certificate was issued by your own certificate authority, set NODE_EXTRA_CA_CERTS=/path/to/its/certificate.pem, here and for all agents and APIs.',
  }
}
