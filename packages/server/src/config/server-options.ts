import type { AuthServerOptions } from '../options.js'
import type { Settings } from './configuration-schema.js'
import { policyOfRules } from './policy-of-rules.js'

/** The options of an auth server as the settings say; keys and storage are the caller's. */
export function serverOptions(settings: Settings): Omit<AuthServerOptions, 'keys' | 'storage'> {
  const { issuer, name, lifetimes, durations, passkeys, risks, brands, contact, algorithms, egressProxy } = settings
  const { help, report, privacy } = settings.footer
  return {
    issuer,
    authTokenLifetime: lifetimes.authToken,
    requestTokenLifetime: lifetimes.requestToken,
    codeLifetime: lifetimes.code,
    signUp: settings.signUp,
    identityProviders: settings.identityProviders.map(({ allowInsecureLoopback = false, ...provider }) => ({
      ...provider,
      allowInsecureLoopback,
    })),
    policy: policyOfRules(settings.policies),
    logos: settings.pages.logos,
    footer: { ...(help && { help }), ...(report && { report }), ...(privacy && { privacy }) },
    interop: settings.interop,
    signatureKeyForm: settings.signatureKeyForm,
    nonce: settings.nonce,
    bindCodeToKey: settings.bindCodeToKey,
    maxOpenRequests: settings.limits.openRequests,
    maxSessions: settings.limits.sessions,
    discovery: {
      fetchesPerMinute: settings.limits.fetchesPerMinute,
      fetchesPerSource: settings.limits.fetchesPerSource,
    },
    allowNetworks: settings.allowNetworks,
    allowInsecureLoopback: settings.allowInsecureLoopback,
    allowPath: settings.allowPath,
    ...(egressProxy !== undefined && { egressProxy }),
    ...(name !== undefined && { name }),
    ...(durations && { durations }),
    ...(passkeys !== undefined && { passkeys }),
    ...(risks && { risks }),
    ...(brands && { brands }),
    ...(contact && { contact: { name: contact.name, ...(contact.href !== undefined && { href: contact.href }) } }),
    ...(algorithms && { algorithms }),
  }
}
