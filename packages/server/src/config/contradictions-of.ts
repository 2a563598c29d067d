import { isIdentifier } from 'countersign/wire'
import type { ConfigurationProblem } from './configuration-error.js'
import type { Settings } from './configuration-schema.js'

/** What is wrong between settings that are each well formed; those that are not are left out. */
export function contradictionsOf({
  issuer,
  allowInsecureLoopback = false,
  masterKey,
  masterKeyFile,
  identityProviders = [],
}: { [Name in keyof Settings]?: Settings[Name] | undefined }): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const refuse = (setting: string, problem: string) => problems.push({ setting, problem })
  if (issuer !== undefined && !isIdentifier(issuer, { allowInsecureLoopback })) refuse('issuer', issuerProblem(issuer))
  if (allowInsecureLoopback && issuer?.startsWith('https:')) {
    refuse('allowInsecureLoopback', 'is for development with an http issuer on loopback: take it out')
  }
  if (masterKey !== undefined && masterKeyFile !== undefined) {
    refuse('masterKey', 'is set beside masterKeyFile: set one of them')
  }
  const ids = new Set<string>()
  for (const [index, provider] of identityProviders.entries()) {
    const at = `identityProviders[${index}]`
    if (ids.has(provider.id)) refuse(`${at}.id`, 'is the id of another provider')
    ids.add(provider.id)
    if (provider.allowInsecureLoopback && !allowInsecureLoopback) {
      refuse(`${at}.allowInsecureLoopback`, 'is for development: take it out, or set allowInsecureLoopback')
    } else if (!provider.allowInsecureLoopback && provider.issuer.startsWith('http:')) {
      refuse(`${at}.issuer`, 'must be an https: URL')
    }
  }
  return problems
}

function issuerProblem(issuer: string): string {
  const insecure = issuer.startsWith('http:')
  if (insecure && isIdentifier(issuer, { allowInsecureLoopback: true })) {
    return 'must be https; for development on this machine only, set allowInsecureLoopback to true'
  }
  if (issuer.startsWith('http:'))
    return 'must be https: put TLS in front of the server and name the URL that people see'
  return 'must be the URL of the server without a path, a slash at the end or a default port, such as https://auth.example'
}
