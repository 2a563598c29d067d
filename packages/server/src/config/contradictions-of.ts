import { type ConfigurationProblem, identifierRepair, isIdentifier } from 'countersign/wire'

/** The settings that can be at odds; those that are not well formed are left out. */
interface Related {
  issuer?: string | undefined
  allowInsecureLoopback?: boolean | undefined
  accounts?: { identityProviders: readonly RelatedProvider[] } | undefined
}

interface RelatedProvider {
  id: string
  issuer: string
  allowInsecureLoopback?: boolean | undefined
}

/** What is wrong between settings that are each well formed. */
export function contradictionsOf({ issuer, allowInsecureLoopback = false, accounts }: Related): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const refuse = (setting: string, problem: string) => problems.push({ setting, problem })
  if (issuer !== undefined && !isIdentifier(issuer, { allowInsecureLoopback }))
    refuse('issuer', issuerProblem(issuer, allowInsecureLoopback))
  if (allowInsecureLoopback && issuer?.startsWith('https:')) {
    refuse('allowInsecureLoopback', 'is for development with an http issuer on loopback: take it out')
  }
  const ids = new Set<string>()
  for (const [index, provider] of (accounts?.identityProviders ?? []).entries()) {
    const at = `accounts.identityProviders[${index}]`
    if (ids.has(provider.id)) refuse(`${at}.id`, 'is the id of another provider')
    ids.add(provider.id)
    if (!provider.allowInsecureLoopback && provider.issuer.startsWith('http:')) {
      refuse(`${at}.issuer`, 'must be an https: URL')
    }
  }
  return problems
}

function issuerProblem(issuer: string, allowInsecureLoopback: boolean): string {
  const insecure = issuer.startsWith('http:')
  if (insecure && isIdentifier(issuer, { allowInsecureLoopback: true })) {
    return 'must be https; for development on this machine only, set allowInsecureLoopback to true'
  }
  const repair = identifierRepair(issuer, { allowInsecureLoopback })
  if (repair !== undefined && !isIdentifier(issuer.replace('http:', 'https:'))) return `is no identifier: ${repair}`
  if (insecure) return 'must be https: put TLS in front of the server and name the URL that people see'
  return 'must be the URL of the server without a path, a slash at the end or a default port, such as https://auth.example'
}
